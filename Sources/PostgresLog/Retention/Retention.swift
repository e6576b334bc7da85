import Events
import Postgres
import Telemetry

/// Keeps a log within its policy: takes old partitions out, drops their tables, prunes the ledger and
/// what dead letters leave behind. Of all nodes one does so at a time.
///
/// A partition leaves in three steps, each of which survives a crash after it:
///
/// 1. Its row moves from `apus.event_partitions` to `apus.expired_partitions`. What readers are told
///    of the earliest position comes from the former, in the snapshot of their page; since the table
///    is still attached then, a reader finds either the events or that they have expired.
/// 2. It is detached, concurrently: nobody waits, but Postgres waits for transactions that have
///    used the table of events. When they take too long it is given up, half done, and ended later.
/// 3. Its table is dropped, once no transaction uses it any more.
struct Retention: Sendable {
    static let interval: Duration = .seconds(5)
    /// A node that does not come back in this time is replaced.
    private static let leaseTime: Duration = .seconds(15)
    private static let lease = "retention"
    /// Resolved dead letters of dropped events stay so long where the ledger is kept for ever: whoever
    /// was handed such an event has given it back by then.
    private static let resolvedAge: Duration = .seconds(86_400)

    private let policy: RetentionPolicy
    private let pool: PostgresPool
    private let sizing: PartitionSizing
    private let removal: PartitionRemoval
    private let gauges: RetentionMetrics
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let wall: any WallClock
    /// Names this process, and no other.
    private let holder = "\(UInt64.random(in: .min ... .max))"
    private var complaint = RetentionComplaint()
    private var ledger: Pruning
    private var deadLetters: Pruning

    /// - Parameter connect: Makes a connection of its own for what cannot run beside others.
    init(
        _ policy: RetentionPolicy, sizing: PartitionSizing, pool: PostgresPool,
        metrics: MetricsRegistry, logger: Logger, clock: any Clock<Duration>, wall: any WallClock,
        connect: @escaping @Sendable (_ lockTimeout: Duration) async throws -> PostgresConnection
    ) {
        self.policy = policy
        self.sizing = sizing
        self.pool = pool
        self.logger = logger
        self.clock = clock
        self.wall = wall
        gauges = RetentionMetrics(metrics, clock: clock)
        ledger = .ledger(pool, logger)
        deadLetters = .deadLetters(pool, logger)
        removal = PartitionRemoval(pool: pool, connect: connect, gauges: gauges, logger: logger)
    }

    /// Goes on until it is cancelled.
    mutating func run() async throws {
        while true {
            do {
                try await round()
            } catch let error as CancellationError {
                throw error
            } catch {
                logger.warning("Retention failed; trying on", [.error: .init("\(error)")])
            }
            try await clock.sleep(for: Self.interval)
        }
    }

    /// Does what is due, unless another node is at it.
    mutating func round() async throws {
        let leases = PostgresLeases(pool: pool)
        let asked = gauges.now()
        guard try await leases.acquire(Self.lease, holder: holder, for: Self.leaseTime) != nil
        else { return gauges.clear() }
        gauges.lead(since: asked, for: Self.leaseTime)
        if policy.dropsEvents {
            try await sizing.apply()
            try await expire()
        }
        try await removal.removeExpired()
        if let age = policy.ledgerAge { try await ledger.prune(before: moment(age)) }
        if policy.dropsEvents {
            try await deadLetters.prune(before: moment(policy.ledgerAge ?? Self.resolvedAge))
        }
    }

    private func moment(_ age: Duration) -> Timestamp {
        Timestamp(wall.now().advanced(by: .zero - age))
    }

    /// Step 1.
    private mutating func expire() async throws {
        let partitions = try await partitions()
        gauges.saw { $0.logBytes = partitions.reduce(0) { $0 + $1.bytes } }
        let decision = RetentionDecision(policy, partitions, now: wall.now())
        var late = decision.wanted == .zero ? [] : try await floors(below: decision.wanted)
        let through = decision.through(floor: late.first?.position, partitions)
        let going = partitions.filter { $0.last <= through }
        if !going.isEmpty {
            let hasGone = try await take(out: going, through: through, forced: decision.forced)
            // Somebody came to need it since: the next round will see.
            guard hasGone else { return }
        }
        let held = partitions.filter { $0.last > through && $0.last <= decision.wanted }
        let events = held.reduce(0) { $0 + $1.count }
        gauges.saw { $0.heldEvents = events }
        // Who was moved is late no more.
        late.removeAll { $0.position < through }
        guard let slowest = late.first, !held.isEmpty else { return complaint.settle() }
        if complaint.isDue(about: late.map(\.consumer)) {
            logger.warning(
                "Retention waits for consumers that are far behind",
                [
                    .consumer: .string(late.map(\.consumer).joined(separator: ", ")),
                    .position: .init(slowest.position), .events: .init(events),
                ])
        }
    }

    /// - Returns: false when a consumer needs some of it that did not before.
    private func take(
        out going: [RetentionDecision.Partition], through: Position, forced: Position
    ) async throws -> Bool {
        let events = going.reduce(0) { $0 + $1.count }
        let moved = try await pool.execute(
            RetentionSQL.expire, [.position(through), .position(forced)])
        if let first = moved.first, try first.isNull(0) { return false }
        gauges.expiredEvents.increment(by: events)
        logger.info(
            "Dropped events by retention",
            [.earliest: .init(through.next), .events: .init(events)])
        for row in moved {
            let consumer = try row.string(0)
            let position = try row.position(1)
            let skipped = through.rawValue - min(position.rawValue, through.rawValue)
            gauges.skippedEvents.increment(by: Int(clamping: skipped))
            logger.warning(
                "A hard limit of retention moved a consumer over events that it had not handled",
                [
                    .consumer: .string(consumer), .position: .init(position),
                    .earliest: .init(through.next),
                ])
        }
        return true
    }

    private func partitions() async throws -> [RetentionDecision.Partition] {
        let rows = try await pool.execute(RetentionSQL.state)
        return try rows.map { row in
            try RetentionDecision.Partition(
                first: row.position(0), last: row.position(1), endedAt: row.optionalTime(2),
                bytes: row.int64(3))
        }
    }

    /// Who still needs events up to a position, from the slowest on.
    private func floors(
        below position: Position
    ) async throws -> [(consumer: String, position: Position)] {
        let rows = try await pool.execute(RetentionSQL.floors, [.position(position)])
        return try rows.map { (try $0.string(0), try $0.position(1)) }
    }
}
