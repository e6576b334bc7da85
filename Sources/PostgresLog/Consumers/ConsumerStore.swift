import Events
import Postgres

/// What the books, leases and replays share: the pool, and errors in the domain's words.
struct ConsumerStore: Sendable {
    /// Transactions that were in each other's way are run again so often.
    private static let maxConflicts = 5

    let pool: PostgresPool

    /// - Throws: ``EventsError`` or `CancellationError`.
    func execute(_ statement: Statement, _ parameters: [Parameter] = []) async throws -> Rows {
        try await translating {
            try await pool.execute(statement, parameters)
        }
    }

    /// - Throws: What the body throws, ``EventsError`` or `CancellationError`.
    func transaction<Result: Sendable>(
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await translating {
            try await pool.transaction { try await body($0) }
        }
    }

    private func translating<Result>(_ body: () async throws -> Result) async throws -> Result {
        var conflicts = 0
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where error.code == .conflict {
                conflicts += 1
                if conflicts == Self.maxConflicts { throw EventsError(store: error) }
            } catch let error as PostgresError {
                throw EventsError(store: error)
            }
        }
    }

    /// Reads rows; a column that is not what the statement promises is our own fault.
    static func reading<Value>(_ body: () throws(PostgresError) -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw EventsError(store: error)
        }
    }
}

extension Parameter {
    static func position(_ position: Position) -> Parameter {
        .int8(Int64(position.rawValue))
    }

    static func positions(_ positions: [Position]) -> Parameter {
        .int8Array(positions.map { Int64($0.rawValue) })
    }

    static func id(_ id: EventID?) -> Parameter {
        .uuid(id.map { UUIDBits(high: $0.high, low: $0.low) })
    }
}

extension Row {
    func position(_ column: Int) throws(PostgresError) -> Position {
        Position(UInt64(clamping: try int64(column)))
    }

    func optionalTime(_ column: Int) throws(PostgresError) -> Timestamp? {
        try optionalTimestamp(column).map { Timestamp(microseconds: $0) }
    }

    func optionalID(_ column: Int) throws(PostgresError) -> EventID? {
        try optionalUUID(column).map { EventID(high: $0.high, low: $0.low) }
    }
}
