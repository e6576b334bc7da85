import Events
import Postgres
import Telemetry

/// Deletes old rows of the ledger, some at a time, so that no transaction is long.
struct LedgerPruning: Sendable {
    private static let batch: Int64 = 5_000
    /// What is left of a pass goes on in the next round.
    private static let batchesInRound = 20

    let pool: PostgresPool
    let logger: Logger
    /// Where the pass is: position and id.
    private var last: (position: Int64, id: Int64) = (0, 0)

    init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    mutating func prune(before moment: Timestamp) async throws {
        var total: Int64 = 0
        for _ in 0..<Self.batchesInRound {
            let row = try await pool.execute(
                RetentionSQL.ledgerPrune,
                [
                    .timestamptz(moment.microseconds), .int8(last.position), .int8(last.id),
                    .int8(Self.batch),
                ]
            ).only()
            total += try row.int64(1)
            guard try row.int64(0) == Self.batch else {
                last = (0, 0)
                break
            }
            last = (try row.int64(2), try row.int64(3))
        }
        if total > 0 { logger.info("Pruned the ledger", [.rows: .init(total)]) }
    }
}
