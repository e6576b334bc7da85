public import Telemetry

/// Moves what transactions left in the outbox into the log: on one node at a time, by lease.
public final class OutboxDrainer: Sendable {
    public struct Configuration: Sendable {
        /// An empty outbox is looked at so often.
        public var interval: Duration = .milliseconds(25)
        /// A node that is not heard of for so long loses the work to another.
        public var leaseTime: Duration = .seconds(6)

        public init() {}
    }

    private static let lease = "outbox"
    private static let pageEvents = 1_000
    private static let backlogInterval: Duration = .seconds(5)

    private let outbox: any Outbox
    private let checker: OutboxChecker
    private let limits: PublishLimits
    private let leases: LeaseKeeper
    private let configuration: Configuration
    private let time: Timekeeper
    private let wallClock: any WallClock
    private let metrics: OutboxMetrics
    private let logger: Logger
    private let draining = Lock(false)

    /// - Parameter node: Names this process, and no other.
    public init(
        outbox: any Outbox, schemas: any OutboxSchemas, leases: any LeaseStore, node: String,
        limits: PublishLimits = PublishLimits(), configuration: Configuration = Configuration(),
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        let time = Timekeeper(clock)
        self.outbox = outbox
        self.limits = limits
        self.configuration = configuration
        self.time = time
        self.wallClock = wallClock
        self.logger = logger
        self.leases = LeaseKeeper(
            store: leases, holder: node, configuration: .init(time: configuration.leaseTime),
            time: time, logger: logger)
        self.metrics = OutboxMetrics(metrics, time)
        checker = OutboxChecker(schemas: schemas, limits: limits)
    }

    /// Ends ``run()`` after the page that is being moved; another node goes on.
    public func drain() {
        draining.withLock { $0 = true }
    }

    private var isDraining: Bool { draining.withLock { $0 } }

    /// Waits for the lease, then moves events; returns when the node drains.
    public func run() async throws {
        try await leases.keepAt(
            Self.lease, unless: { self.isDraining }, { try await self.work(under: $0) },
            idle: { metrics.clear() },
            failed: { failure in
                logger.warning(
                    "The outbox cannot be drained", [.error: .init(String(describing: failure))])
            })
    }

    private func work(under lease: Lease) async throws {
        logger.info("Draining the outbox", [.fence: .init(lease.fence)])
        // Also when no session can be had.
        if let backlog = try? await outbox.backlog() { metrics.found(backlog) }
        try await outbox.withSession(under: lease, limits: limits) { session in
            try await work(session)
        }
    }

    private func work(_ session: any OutboxSession) async throws {
        var nextCount = time.now()
        // So many events go one by one, to find the one that the store refuses.
        var alone = 0
        while !isDraining {
            if time.now() >= nextCount {
                metrics.found(try await session.backlog())
                nextCount = time.now() + Self.backlogInterval
            }
            let page = try await session.nextPage(limit: alone > 0 ? 1 : Self.pageEvents)
            if page.isEmpty {
                alone = 0
                metrics.isEmpty()
                try await time.sleep(for: configuration.interval)
                continue
            }
            metrics.found(page, now: wallClock.now())
            do {
                let outcomes = try await session.move(page.map(checker.check))
                report(page, outcomes)
                alone = max(0, alone - 1)
            } catch OutboxError.refused(let detail) {
                if page.count > 1 {
                    alone = page.count
                } else {
                    let refusal = OutboxRefusal(.refused, detail)
                    report(page, try await session.move([.failure(refusal)]))
                }
            }
        }
    }

    private func report(_ page: [OutboxEntry], _ outcomes: [OutboxOutcome]) {
        metrics.moved(outcomes)
        let rejected = zip(page, outcomes).compactMap { entry, outcome in
            if case .rejected(let reason) = outcome { (entry, reason) } else { nil }
        }
        guard let (first, reason) = rejected.first else { return }
        logger.error(
            "Events from the outbox were rejected; see apus.outbox_rejects",
            [
                .count: .init(rejected.count), .reason: .init(reason.rawValue),
                .eventID: .init(first.id.description), .eventType: .init(first.draft.type),
                .tenant: .init(first.draft.tenant),
            ])
    }
}
