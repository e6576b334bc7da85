public import Telemetry

/// Writes the audit trail: a row for every event of the log, chained by hashes.
///
/// A chain needs one order over all partitions, so it is no handler: handlers share the log by key,
/// skip what fails and go on. This reads the log itself, from where the trail ends.
///
/// - **One at a time.** A node runs it while it holds the lease `audit`. The lease's fencing number is
///   written on the trail's end, and each page checks it under that row's lock: of a node that lost
///   its lease without noticing, nothing counts.
/// - **A page is one transaction**, and one statement: it locks the end, reads the events behind it,
///   hashes them one by one, adds their rows and moves the end. Events do not leave Postgres. What a
///   crash takes back is made again, the same to the last bit, since the chain is a function of the
///   log.
/// - **It never passes anything by.** Positions have no gaps: an event that is not there is damage,
///   or a plan that does not know the newest partition yet. Either way it waits, says so, and counts
///   as stopped until the event is there: no dead letters. Only what retention has dropped cannot
///   come back: a row says from where to where, and an error is logged.
/// - **Its end is published** as an event `system.audit_head` at an interval, if anything but the
///   last of these came: who keeps those elsewhere can prove that nothing before them was changed,
///   even by whoever has the database.
/// - **It gives way** to those who wait for an answer, by ``FollowingPace``.
///
/// `apus verify` follows the chain.
public final class AuditRunner: Sendable {
    public struct Configuration: Sendable {
        /// Between looks at a log to which nothing was added.
        public var interval: Duration = .seconds(1)
        /// The longest time that events are gathered for while they come.
        public var gathering: Duration = .milliseconds(100)
        /// Between publications of the trail's end.
        public var publishInterval: Duration = .seconds(3_600)
        /// A node that is not heard of for so long loses the work to another.
        public var leaseTime: Duration = .seconds(6)

        public init() {}
    }

    /// Publishes the trail's end, and answers where the log has that event. Again the same end: the
    /// same position.
    public typealias Publish = @Sendable (AuditHead) async throws -> Position

    private static let lease = "audit"
    /// An event may be missing for so long until that is said: plans are renewed within a second.
    private static let patience: Duration = .seconds(5)

    private let trail: any AuditTrail
    private let leases: LeaseKeeper
    private let publish: Publish
    private let configuration: Configuration
    private let time: Timekeeper
    private let metrics: AuditMetrics
    private let logger: Logger
    private let draining = Lock(false)

    /// - Parameter node: Names this process, and no other.
    public init(
        trail: any AuditTrail, leases: any LeaseStore, node: String,
        configuration: Configuration = Configuration(),
        clock: any Clock<Duration> = ContinuousClock(), metrics: MetricsRegistry, logger: Logger,
        publish: @escaping Publish
    ) {
        let time = Timekeeper(clock)
        self.trail = trail
        self.publish = publish
        self.configuration = configuration
        self.time = time
        self.logger = logger
        self.metrics = AuditMetrics(metrics)
        self.leases = LeaseKeeper(
            store: leases, holder: node, configuration: .init(time: configuration.leaseTime),
            time: time, logger: logger)
    }

    /// Ends ``run()`` after the page that is being written; another node goes on.
    public func drain() {
        draining.withLock { $0 = true }
    }

    private var isDraining: Bool { draining.withLock { $0 } }

    /// Waits for the lease, then writes; returns when the node drains.
    public func run() async throws {
        try await leases.keepAt(
            Self.lease, unless: { self.isDraining }, { try await self.work(under: $0) },
            idle: { metrics.clear() }, failed: failed)
    }

    private func failed(_ failure: any Error) {
        if case BooksError.fenced = failure {
            return logger.info("The audit trail is another node's by now")
        }
        logger.warning(
            "The audit trail cannot be written", [.error: .init(String(describing: failure))])
    }

    /// Says so when the trail does not do it, unless the store is away, which passes.
    private func watched<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as EventsError where error.code != .unavailable {
            metrics.stop()
            throw error
        }
    }

    private func work(under lease: Lease) async throws {
        let claim = try await watched { try await trail.claim(fence: lease.fence) }
        logger.info(
            "Auditing", [.position: .init(claim.head.position), .fence: .init(lease.fence)])
        var progress = AuditProgress(
            nextPublish: time.now() - claim.publishedBefore + configuration.publishInterval)
        var pace = FollowingPace(gathering: configuration.gathering)
        var position = claim.head.position
        while !isDraining {
            let began = time.now()
            let step = try await watched {
                try await trail.extend(fence: lease.fence, limit: FollowingPace.pageEvents)
            }
            let count = Int(clamping: step.head.position.rawValue - position.rawValue)
            let rest =
                step.isMissing || count == 0
                ? configuration.interval
                : pace.rest(
                    after: count, left: step.left, began: began, now: time.now())
            position = step.head.position
            tell(step, progress.take(step, now: time.now(), patience: Self.patience))
            if time.now() >= progress.nextPublish {
                try await announce(step.head, fence: lease.fence)
                progress.nextPublish = time.now() + configuration.publishInterval
            }
            try await time.sleep(for: rest)
        }
    }

    private func announce(_ head: AuditHead, fence: Int64) async throws {
        guard try await trail.hasNews(fence: fence) else { return }
        let position = try await publish(head)
        try await trail.published(at: position, fence: fence)
        logger.info("The audit trail's end was published", [.position: .init(head.position)])
    }

    private func tell(_ step: AuditStep, _ alarm: AuditProgress.Alarm?) {
        metrics.reached(step, isStopped: alarm == .stopped || alarm == .stillStopped)
        if let since = step.droppedSince {
            logger.error(
                "Retention dropped events before they were audited",
                [.earliest: .init(since), .position: .init(step.head.position)])
        }
        switch alarm {
        case .stopped:
            logger.error(
                "The audit trail stopped: an event of the log is missing; run apus verify",
                [.position: .init(step.head.position.next)])
        case .goesOn:
            logger.notice("The audit trail goes on", [.position: .init(step.head.position)])
        case .stillStopped, nil:
            break
        }
    }
}

/// What the audit remembers between pages.
struct AuditProgress {
    enum Alarm: Equatable { case stopped, stillStopped, goesOn }

    var nextPublish: Duration
    private var missingSince: Duration?
    private var isStopped = false

    init(nextPublish: Duration) {
        self.nextPublish = nextPublish
    }

    /// What a page means for whoever watches; nil: nothing.
    mutating func take(_ step: AuditStep, now: Duration, patience: Duration) -> Alarm? {
        guard step.isMissing else {
            missingSince = nil
            defer { isStopped = false }
            return isStopped ? .goesOn : nil
        }
        let since = missingSince ?? now
        missingSince = since
        if isStopped { return .stillStopped }
        guard now - since >= patience else { return nil }
        isStopped = true
        return .stopped
    }
}
