public import Events
public import Postgres

/// Payloads as JSON in the table `apus.event_payloads`; see `SQL/m0200_public_events.sql`.
public struct PostgresPayloads: PayloadTable {
    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/payloads_claim.sql`.
    public func claim(fence: Int64) async throws -> Position {
        let rows = try await store.execute(PayloadSQL.claim, [.int8(fence)])
        guard let row = rows.first else { throw BooksError.fenced }
        return try ConsumerStore.reading { () throws(PostgresError) in try row.position(0) }
    }

    /// Source: `SQL/payloads_keep.sql`.
    public func keep(
        _ payloads: [PayloadRow], after: Position, fence: Int64
    ) async throws -> UInt64 {
        let rows = try await store.execute(
            PayloadSQL.keep,
            [
                .int8(fence), .position(after), .positions(payloads.map(\.position)),
                .textArray(payloads.map(\.json)),
            ])
        guard let row = rows.first else { throw BooksError.fenced }
        return try ConsumerStore.reading { () throws(PostgresError) in
            UInt64(clamping: try row.int64(0))
        }
    }
}

/// The statements of payloads; each in `SQL/NAME.sql`, where its parameters and result are told.
enum PayloadSQL {
    static let claim = SQLText.statement("payloads_claim", PackageResources.payloads_claim_sql)
    static let keep = SQLText.statement("payloads_keep", PackageResources.payloads_keep_sql)
}
