public import Telemetry

/// The handlers of this node. Each is a consumer like a group: 64 partitions with a cursor each,
/// shared by all nodes that have it registered, and moved by the same engine, so that there is one
/// set of rules for order, retries, dead letters and fencing.
///
/// What one handler does holds up no other: each has an engine, and room, of its own.
public final class HandlerHost: Sendable {
    public let registry: HandlerRegistry
    public let counts = HandlerCounts()

    private let books: any HandlerBooks
    private let consumers: Consumers
    private let wallClock: any WallClock
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let registered = Lock<[String: StoredHandler]>([:])

    /// - Parameter consumers: Keeps the handlers' partitions; those of ``Groups/consumers``.
    public init(
        registry: HandlerRegistry, books: any HandlerBooks, consumers: Consumers,
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        self.registry = registry
        self.books = books
        self.consumers = consumers
        self.wallClock = wallClock
        self.metrics = metrics
        self.logger = logger
    }

    /// Makes the handlers known to the books. Before the node publishes: a handler counts for what
    /// comes after its registration.
    public func register() async throws {
        let stored = try await books.register(registry.descriptions)
        registered.withLock { registered in
            for handler in stored { registered[handler.name] = handler }
        }
        logger.info("Handlers registered", [.count: .init(registry.entries.count)])
    }

    /// Runs every handler; returns when the node drains, each having finished what it was at.
    public func run() async throws {
        let stored = registered.withLock { $0 }
        let figures = ConsumerMetrics(metrics, .handlers)
        let time = consumers.environment.time
        try await withThrowingTaskGroup(of: Void.self) { group in
            for entry in registry.entries {
                guard let handler = stored[entry.traits.name] else { continue }
                let definition = ConsumerDefinition(handler, entry.traits, in: books)
                guard let engine = try? consumers.engine(for: definition, figures) else { return }
                let runner = HandlerRunner(
                    entry: entry, engine: engine,
                    executor: HandlerExecutor(
                        entry: entry, time: time, wallClock: wallClock, logger: logger,
                        metrics: metrics),
                    counts: counts, time: time, wallClock: wallClock, logger: logger)
                group.addTask { try await runner.run() }
            }
            try await group.waitForAll()
        }
    }
}

extension ConsumerDefinition {
    /// - Parameter traits: What this node's version of the handler asks for.
    init(_ stored: StoredHandler, _ traits: any HandlerTraits, in books: any HandlerBooks) {
        let holdsKeys = traits.ordering == .perKey(afterDeadLetter: .hold)
        self.init(
            consumer: stored.consumer, version: stored.version, title: traits.consumer,
            filter: EventFilter(types: traits.types, tenants: .all),
            rules: ConsumerRules(
                holdsKeys: holdsKeys, maxAttempts: traits.retry.maxAttempts, ackDeadline: nil,
                isShared: true, isOrdered: traits.ordering != .none),
            isPaused: stored.isPaused, gathering: .milliseconds(3),
            refreshed: {
                try await books.find(stored.name)
                    .map { ConsumerDefinition($0, traits, in: books) }
            },
            gone: EventsError(.notFound, "There is no handler \(stored.name)."))
    }
}
