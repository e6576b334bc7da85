public import Telemetry

/// Writes every event's payload as JSON beside the log, where `public.events` shows it.
///
/// It is a projection of the log in order of position, so its progress is one number. It is no
/// handler: one that takes every event would make each of them wait for it before it counts as
/// processed, and a row in the ledger for each would cost more than the payload. One node writes,
/// by lease; a page's rows and the progress are one transaction, which the lease's fencing number
/// guards. It follows the log as a subscriber: what is live comes from memory.
///
/// It gives way, by ``FollowingPace``.
public final class PayloadWriter: Sendable {
    public struct Configuration: Sendable {
        /// The longest time that events are gathered for.
        public var gathering: Duration = .milliseconds(100)
        /// A node that is not heard of for so long loses the work to another.
        public var leaseTime: Duration = .seconds(6)

        public init() {}
    }

    /// The payload of an event as canonical JSON; nil: it has none.
    public typealias JSON = @Sendable (RecordedEvent) -> String?

    private static let lease = "payloads"
    private static let pageBytes = 2 << 20

    private let table: any PayloadTable
    private let subscriptions: Subscriptions
    private let leases: LeaseKeeper
    private let json: JSON
    private let configuration: Configuration
    private let time: Timekeeper
    /// Nil while it is another node's.
    private let progress = Lock<Progress?>(nil)
    private let logger: Logger
    private let draining = Lock(false)

    private struct Progress {
        let position: Position
        /// Of the log, as it was last heard of.
        let head: Position
    }

    /// - Parameter node: Names this process, and no other.
    public init(
        table: any PayloadTable, subscriptions: Subscriptions, leases: any LeaseStore, node: String,
        configuration: Configuration = Configuration(),
        clock: any Clock<Duration> = ContinuousClock(), metrics: MetricsRegistry, logger: Logger,
        json: @escaping JSON
    ) {
        let time = Timekeeper(clock)
        self.table = table
        self.subscriptions = subscriptions
        self.json = json
        self.configuration = configuration
        self.time = time
        self.logger = logger
        metrics.reading(
            "apus_payload_lag_events",
            help: "Events of the log whose payload public.events does not show yet."
        ) { [progress, subscriptions] in
            // The log goes on also while nothing can be written.
            guard let done = progress.withLock({ $0 }) else { return 0 }
            let head = max(done.head, subscriptions.head)
            return Double(head.rawValue) - Double(done.position.rawValue)
        }
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
            idle: { progress.withLock { $0 = nil } }, failed: failed)
    }

    private func failed(_ failure: any Error) {
        switch failure {
        case BooksError.fenced: logger.info("Payloads are written by another node by now")
        // A subscription that drains ends so too.
        case _ where isDraining: break
        default:
            logger.warning(
                "Payloads cannot be written", [.error: .init(String(describing: failure))])
        }
    }

    private func work(under lease: Lease) async throws {
        var position = try await table.claim(fence: lease.fence)
        note(position, left: 0)
        logger.info("Writing payloads", [.position: .init(position), .fence: .init(lease.fence)])
        var subscription = try await subscriptions.open(
            SubscriptionRequest(
                filter: .everything, start: .after(position),
                heartbeat: SubscriptionRequest.heartbeats.upperBound,
                maxBatchEvents: FollowingPace.pageEvents, maxBatchBytes: Self.pageBytes))
        var pace = FollowingPace(gathering: configuration.gathering)
        while !isDraining, let item = try await subscription.next() {
            guard case .deliveries(let events) = item, let last = events.last else { continue }
            let began = time.now()
            let rows = events.map { PayloadRow(position: $0.position, json: json($0)) }
            let left = try await table.keep(rows, after: position, fence: lease.fence)
            position = last.position
            note(position, left: left)
            try await time.sleep(
                for: pace.rest(after: events.count, left: left, began: began, now: time.now()))
        }
    }

    private func note(_ position: Position, left: UInt64) {
        let done = Progress(position: position, head: Position(position.rawValue + left))
        progress.withLock { $0 = done }
    }
}
