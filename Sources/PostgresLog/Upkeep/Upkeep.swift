import Events
import Postgres
import Telemetry

/// Work on the tables that no publish should wait for: makes partitions ahead of need, forgets
/// old appends.
struct Upkeep: Sendable {
    /// Appends that late are still looked for when an answer was lost.
    private static let keptPositions: Int64 = 1_000_000
    private static let interval: Duration = .seconds(1)

    let pool: PostgresPool
    let observers: LogObservers
    let logger: Logger
    let clock: any Clock<Duration>

    func run() async throws {
        var seen: Position?
        while true {
            let own = observers.own
            if seen != own {
                do {
                    try await makePartitions()
                    if let seen, own.rawValue / 100_000 != seen.rawValue / 100_000 {
                        _ = try await pool.execute(
                            SQLText.appendsPrune, [.int8(Self.keptPositions)])
                    }
                    seen = own
                } catch let error as PostgresError {
                    logger.warning("Upkeep of the log failed", [.error: .init("\(error)")])
                }
            }
            try await clock.sleep(for: Self.interval)
        }
    }

    /// Keeps at least one whole partition ahead.
    func makePartitions() async throws {
        while true {
            let row = try await pool.execute(SQLText.partitionsAhead).only()
            guard try row.int64(0) < row.int64(1) else { return }
            let covered = try await pool.execute(SQLText.partitionAdd).only().int64(0)
            _ = try await pool.execute(SQLText.partitionCover, [.int8(covered)])
            logger.info("Made a partition of the log", [.position: .init(covered)])
        }
    }
}
