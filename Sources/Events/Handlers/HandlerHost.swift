public import Telemetry

/// The handlers of this node: makes them known at start, then runs each on its own, so that one
/// which fails, hangs or is slow holds up no other.
public final class HandlerHost: Sendable {
    public let registry: HandlerRegistry
    public let counts = HandlerCounts()

    private let books: any HandlerBooks
    private let runners: [HandlerRunner]
    private let time: Timekeeper
    private let logger: Logger

    /// - Parameters:
    ///   - node: Shown in the ledger; names this process, and no other.
    ///   - leaseTime: Without a sign of life for so long, another node takes a handler over.
    public init(
        registry: HandlerRegistry, books: any HandlerBooks, leases: any LeaseStore,
        subscriptions: Subscriptions, node: String, leaseTime: Duration = .seconds(6),
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        let time = Timekeeper(clock)
        let keeper = LeaseKeeper(
            store: leases, holder: node, configuration: .init(time: leaseTime), time: time,
            logger: logger)
        let counts = counts
        self.registry = registry
        self.books = books
        self.time = time
        self.logger = logger
        runners = registry.entries.map { entry in
            HandlerRunner(
                entry: entry, books: books, subscriptions: subscriptions, leases: keeper,
                executor: HandlerExecutor(
                    entry: entry, time: time, wallClock: wallClock, logger: logger,
                    metrics: metrics),
                counts: counts, node: node, time: time, logger: logger)
        }
    }

    /// Makes the handlers known to the books. Before the node publishes: a handler counts for what
    /// comes after its registration.
    public func register() async throws {
        try await books.register(registry.descriptions)
        logger.info("Handlers registered", [.count: .init(registry.entries.count)])
    }

    /// Runs every handler; returns when the node drains, each having finished and recorded what it
    /// was at.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for runner in runners { group.addTask { try await runner.run() } }
            try await group.waitForAll()
        }
    }
}
