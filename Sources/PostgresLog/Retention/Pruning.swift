import Events
import Postgres
import Telemetry

/// Deletes old rows of a table, some at a time, so that no transaction is long.
struct Pruning: Sendable {
    private static let batch: Int64 = 5_000
    /// What is left of a pass goes on in the next round.
    private static let batchesInRound = 20

    /// Of the ledger: source `SQL/ledger_prune.sql`.
    static func ledger(_ pool: PostgresPool, _ logger: Logger) -> Pruning {
        Pruning(
            statement: RetentionSQL.ledgerPrune, done: "Pruned the ledger", pool: pool,
            logger: logger)
    }

    /// Of resolved dead letters, and of the copies of their events: source
    /// `SQL/dead_letters_prune.sql`.
    static func deadLetters(_ pool: PostgresPool, _ logger: Logger) -> Pruning {
        Pruning(
            statement: RetentionSQL.deadLettersPrune, done: "Pruned resolved dead letters",
            pool: pool, logger: logger)
    }

    private let statement: Statement
    private let done: StaticString
    private let pool: PostgresPool
    private let logger: Logger
    /// Where the pass is: position and id.
    private var last: (position: Int64, id: Int64) = (0, 0)

    private init(
        statement: Statement, done: StaticString, pool: PostgresPool, logger: Logger
    ) {
        self.statement = statement
        self.done = done
        self.pool = pool
        self.logger = logger
    }

    mutating func prune(before moment: Timestamp) async throws {
        var total: Int64 = 0
        for _ in 0..<Self.batchesInRound {
            let row = try await pool.execute(
                statement,
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
        if total > 0 { logger.info(done, [.rows: .init(total)]) }
    }
}
