import Events
import Postgres
import Telemetry

/// Deletes replays that ended long ago, some at a time, so that no transaction is long. Any node may.
struct ReplayPruning: Sendable {
    private static let batch: Int64 = 1_000
    /// What is left goes in the next round.
    private static let batchesInRound = 20
    /// Replays stay so long where the ledger is kept for ever.
    private static let age: Duration = .seconds(30 * 86_400)

    let policy: RetentionPolicy
    let pool: PostgresPool
    let wall: any WallClock
    let logger: Logger

    /// Source: `SQL/replays_prune.sql`.
    func round() async throws {
        let moment = Timestamp(wall.now().advanced(by: .zero - (policy.ledgerAge ?? Self.age)))
        var total: Int64 = 0
        for _ in 0..<Self.batchesInRound {
            let count = try await pool.execute(
                RetentionSQL.replaysPrune, [.timestamptz(moment.microseconds), .int8(Self.batch)]
            ).only().int64(0)
            total += count
            if count < Self.batch { break }
        }
        if total > 0 { logger.info("Pruned replays that are over", [.rows: .init(total)]) }
    }
}
