import Events
import Postgres

extension LogBounds {
    /// - Parameter row: Of `SQL/bounds.sql`.
    /// - Throws: `PostgresError`; `EventsError` while the log has no epoch yet.
    init(_ row: Row) throws {
        let epochs = try zip(row.int64s(2), row.int64s(3)).map { id, position in
            LogEpoch(id: UInt64(bitPattern: id), openedAfter: Position(UInt64(position)))
        }
        guard !epochs.isEmpty else { throw EventsError.away(.connecting) }
        self.init(
            earliest: Position(UInt64(try row.int64(1))),
            head: Position(UInt64(try row.int64(0))), epochs: epochs)
    }
}

extension Row {
    /// The log's epoch at the moment of the statement; 0 while there is none.
    func epoch(_ column: Int) throws(PostgresError) -> UInt64 {
        UInt64(bitPattern: try optionalInt64(column) ?? 0)
    }
}

extension PostgresConnection {
    /// Opens a new epoch if this is another history than before, or than the one that the node
    /// followed, and tells where the log stands.
    func openEpoch(knowing history: LogHistory) async throws -> LogBounds {
        _ = try await execute(SQLText.openEpoch, history.parameters)
        return try LogBounds(await execute(SQLText.bounds).only())
    }
}

extension LogHistory {
    /// For `SQL/open_epoch.sql`.
    var parameters: [Parameter] {
        [
            .int8Array(epochs.map { Int64(bitPattern: $0.id) }), .int8(Int64(head.rawValue)),
        ]
    }
}
