import Events
import Postgres
import Telemetry

/// Work on the tables that no publish should wait for: makes partitions ahead of need, forgets
/// old appends and old replays.
struct Upkeep: Sendable {
    /// Appends that late are still looked for when an answer was lost.
    private static let keptPositions: Int64 = 1_000_000
    private static let interval: Duration = .seconds(1)
    /// Partitions last for so long at the fastest rate seen of late.
    private static let lead: Int64 = 10
    private static let roundsBetweenPrunings = 60

    let pool: PostgresPool
    let observers: LogObservers
    let replays: ReplayPruning
    let logger: Logger
    let clock: any Clock<Duration>

    func run() async throws {
        var seen: Position?
        var burst = Burst()
        var hasNewPartitions = false
        var rounds = 0
        while true {
            let own = observers.own
            if hasNewPartitions || seen != own {
                do {
                    if hasNewPartitions { _ = try await pool.execute(SQLText.plansRenew) }
                    hasNewPartitions = try await makePartitions(&burst)
                    if let seen, own.rawValue / 100_000 != seen.rawValue / 100_000 {
                        _ = try await pool.execute(
                            SQLText.appendsPrune, [.int8(Self.keptPositions)])
                    }
                    seen = own
                } catch let error as PostgresError {
                    logger.warning("Upkeep of the log failed", [.error: .init("\(error)")])
                }
            }
            rounds += 1
            if rounds.isMultiple(of: Self.roundsBetweenPrunings) { try await pruneReplays() }
            try await clock.sleep(for: Self.interval)
        }
    }

    private func pruneReplays() async throws {
        do {
            try await replays.round()
        } catch let error as PostgresError {
            logger.warning("Old replays stay for now", [.error: .init("\(error)")])
        }
    }

    /// Keeps at least one whole partition ahead, and enough for a burst.
    ///
    /// - Returns: Whether there are partitions, by whomever, that were not there the time before.
    ///   Plans are to be renewed once more after a while: sessions that read the list of partitions
    ///   just then may have kept an older one.
    func makePartitions(_ burst: inout Burst) async throws -> Bool {
        let known = burst.covered
        var row = try await pool.execute(SQLText.partitionsAhead).only()
        burst.reached(try row.int64(2), at: .now)
        while true {
            let left = try row.int64(0)
            burst.covered = try row.int64(2) + left
            let wanted = max(try row.int64(1), burst.eventsInInterval * Self.lead)
            guard left < wanted else { return burst.covered != known }
            _ = try await pool.execute(SQLText.partitionAdd)
            // Before anything is stored there.
            let covered = try await pool.execute(SQLText.partitionOpen).only().int64(0)
            _ = try await pool.execute(SQLText.partitionCover, [.int8(covered)])
            logger.info("Made a partition of the log", [.position: .init(covered)])
            row = try await pool.execute(SQLText.partitionsAhead).only()
        }
    }

    /// How fast the log has grown of late, by all nodes.
    struct Burst {
        /// The most of one interval; halves with every slower one.
        private(set) var eventsInInterval: Int64 = 0
        private var last: (head: Int64, at: ContinuousClock.Instant)?
        /// The last position that has room.
        var covered: Int64?

        /// A node that stores nothing does not look: what others stored meanwhile came over all of
        /// that time.
        mutating func reached(_ head: Int64, at now: ContinuousClock.Instant) {
            if let last {
                let intervals = max(1, (now - last.at) / Upkeep.interval)
                let grown = Int64(Double(head - last.head) / intervals)
                eventsInInterval = max(grown, eventsInInterval / 2)
            }
            last = (head, now)
        }
    }
}
