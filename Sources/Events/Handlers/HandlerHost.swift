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
    private let failures: any FailureReporter
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let registered = Lock<[String: StoredHandler]>([:])

    /// - Parameter consumers: Keeps the handlers' partitions; those of ``Groups/consumers``.
    public init(
        registry: HandlerRegistry, books: any HandlerBooks, consumers: Consumers,
        wallClock: any WallClock = SystemWallClock(),
        failures: any FailureReporter = SilentReporter(), metrics: MetricsRegistry, logger: Logger
    ) {
        self.registry = registry
        self.books = books
        self.consumers = consumers
        self.wallClock = wallClock
        self.failures = failures
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

    // MARK: The directory

    /// Every handler known to any node, by name.
    ///
    /// - Throws: ``EventsError`` or `CancellationError`.
    public func list() async throws -> [HandlerStanding] {
        try await books.standings(of: nil)
    }

    /// Nothing more is handed to the handler, on any node, until it is resumed. What runs goes on.
    ///
    /// - Throws: ``EventsError``, `.notFound`.
    public func pause(_ name: String) async throws -> HandlerStanding {
        guard try await books.pause(name, true) else { throw EventsError.handlerNotFound(name) }
        return try await changed(name)
    }

    /// - Throws: ``EventsError``, `.notFound`.
    public func resume(_ name: String) async throws -> HandlerStanding {
        guard try await books.pause(name, false) else { throw EventsError.handlerNotFound(name) }
        return try await changed(name)
    }

    /// Makes a projection's rows anew from the log.
    ///
    /// - Throws: ``EventsError``: `.notFound`; `.failedPrecondition` when it is no projection of
    ///   this node's release, or retention has dropped what it needs.
    public func rebuild(_ name: String) async throws -> HandlerStanding {
        guard let known = try await books.standings(of: name).first else {
            throw EventsError.handlerNotFound(name)
        }
        guard case .projection(let projection)? = registry[name], !projection.tables.isEmpty else {
            throw EventsError.cannotRebuild(known.name, "it is no projection that this node knows")
        }
        switch try await books.rebuild(name, tables: projection.tables) {
        case .begun: return try await changed(name)
        case .unknown: throw EventsError.handlerNotFound(name)
        case .expired:
            throw EventsError.cannotRebuild(name, "retention has dropped events that it needs")
        }
    }

    private func changed(_ name: String) async throws -> HandlerStanding {
        consumers.tellAll()
        guard let standing = try await books.standings(of: name).first else {
            throw EventsError.handlerNotFound(name)
        }
        return standing
    }

    // MARK: Running

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
                    counts: counts, time: time, wallClock: wallClock, failures: failures,
                    metrics: HandlerMetrics(metrics, handler: entry.traits.name), logger: logger)
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
            gone: .handlerNotFound(stored.name))
    }
}
