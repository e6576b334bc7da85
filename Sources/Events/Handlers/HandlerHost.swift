public import Telemetry

/// The handlers of this node. Each is a consumer like a group: 64 partitions with a cursor each,
/// shared by all nodes that have it registered, and moved by the same engine, so that there is one
/// set of rules for order, retries, dead letters and fencing.
///
/// What one handler does holds up no other: each has an engine, and room, of its own.
public final class HandlerHost: Sendable {
    public let counts = HandlerCounts()

    private let books: any HandlerBooks
    private let consumers: Consumers
    private let wallClock: any WallClock
    private let failures: any FailureReporter
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let state: Lock<State>
    /// Names of handlers.
    private let running = TaskFeed<String>()

    fileprivate struct State {
        var registry: HandlerRegistry
        /// What the books have of a handler; nil: it is to be made known again.
        var stored: [String: StoredHandler] = [:]
        /// Names that a task is for.
        var kept: [String: Kept] = [:]
    }

    /// A handler that runs here, or ends.
    fileprivate struct Kept {
        var engine: ConsumerEngine?
        /// It is to end: the registry has it no more, or has it otherwise.
        var isStale = false
    }

    /// - Parameter consumers: Keeps the handlers' partitions; those of ``Groups/consumers``.
    public init(
        registry: HandlerRegistry, books: any HandlerBooks, consumers: Consumers,
        wallClock: any WallClock = SystemWallClock(),
        failures: any FailureReporter = SilentReporter(), metrics: MetricsRegistry, logger: Logger
    ) {
        state = Lock(State(registry: registry))
        self.books = books
        self.consumers = consumers
        self.wallClock = wallClock
        self.failures = failures
        self.metrics = metrics
        self.logger = logger
    }

    /// The handlers of now.
    public var registry: HandlerRegistry { state.withLock { $0.registry } }

    /// Makes the handlers known to the books. Before the node publishes: a handler counts for what
    /// comes after its registration.
    public func register() async throws {
        let registry = registry
        try await register(registry.descriptions)
        logger.info("Handlers registered", [.count: .init(registry.entries.count)])
    }

    private func register(_ handlers: [HandlerDescription]) async throws {
        guard !handlers.isEmpty else { return }
        let stored = try await books.register(handlers)
        state.withLock { state in
            for handler in stored { state.stored[handler.name] = handler }
        }
    }

    /// Has these handlers run from now on: one that is new starts as it would with the node, one that
    /// is gone ends as if the node stopped and keeps its place, one whose traits are others does both.
    /// What runs has the drain grace to finish.
    ///
    /// - Parameters:
    ///   - renewed: Names of those that are others although their traits are the same. Of the rest
    ///     the instances that are here stay.
    ///   - decided: Called once nothing can go wrong any more, and before anything has changed.
    /// - Throws: ``EventsError``, `CancellationError`; then nothing has changed.
    public func use(
        _ registry: HandlerRegistry, renewing renewed: Set<String> = [],
        _ decided: () -> Void = {}
    ) async throws {
        let before = self.registry
        try await register(registry.descriptions.filter { before[$0.name] == nil })
        decided()
        let stale = state.withLock { $0.use(registry, renewing: renewed, running) }
        for engine in stale { await consumers.drain(engine) }
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

    /// Runs the handlers; returns when it drains, each having finished what it was at.
    public func run() async throws {
        state.withLock { state in
            for entry in state.registry.entries { state.keep(entry.traits.name, running) }
        }
        try await running.run { try await self.keep($0) }
    }

    /// Ends all that share work on this node, groups too.
    public func drain() {
        running.close()
        consumers.drain()
    }

    /// Runs what the registry has under a name, one after the other; returns when that is nothing, or
    /// the node drains.
    private func keep(_ name: String) async throws {
        let figures = ConsumerMetrics(metrics, .handlers)
        while let entry = state.withLock({ $0.next(name) }) {
            let definition = ConsumerDefinition(
                try await stored(entry), entry.traits, in: books)
            guard let engine = try? consumers.engine(for: definition, figures) else { return }
            if state.withLock({ $0.begin(name, engine) }) { await consumers.drain(engine) }
            do {
                try await runner(of: entry, engine).run()
            } catch let error as EventsError where error == definition.gone {
                state.withLock { $0.stored[name] = nil }
                logger.warning("Handler was forgotten; it begins anew", [.handler: .init(name)])
            }
            await engine.over.wait()
            try Task.checkCancellation()
            if state.withLock({ $0.kept[name]?.isStale == true }) {
                logger.info("Handler has ended", [.handler: .init(name)])
            }
        }
    }

    private func stored(_ entry: HandlerRegistry.Entry) async throws -> StoredHandler {
        var backOff = BackOff()
        while true {
            if let stored = state.withLock({ $0.stored[entry.traits.name] }) { return stored }
            do {
                try await register([entry.description])
            } catch let error as EventsError {
                logger.warning(
                    "A handler waits for the store",
                    [
                        .handler: .init(entry.traits.name),
                        .error: .init(String(describing: error)),
                    ])
                try await consumers.environment.time.sleep(for: backOff.next())
            }
        }
    }

    private func runner(
        of entry: HandlerRegistry.Entry, _ engine: ConsumerEngine
    ) -> HandlerRunner {
        let time = consumers.environment.time
        return HandlerRunner(
            entry: entry, engine: engine,
            executor: HandlerExecutor(
                entry: entry, time: time, wallClock: wallClock, logger: logger, metrics: metrics),
            counts: counts, time: time, wallClock: wallClock, failures: failures,
            metrics: HandlerMetrics(metrics, handler: entry.traits.name), logger: logger)
    }
}

extension HandlerHost.State {
    /// - Returns: Engines that are to end.
    fileprivate mutating func use(
        _ new: HandlerRegistry, renewing renewed: Set<String>, _ running: TaskFeed<String>
    ) -> [ConsumerEngine] {
        let changed = registry.take(new, renewing: renewed)
        var stale: [ConsumerEngine] = []
        for name in changed {
            stored[name] = nil
            kept[name]?.isStale = true
            if let engine = kept[name]?.engine { stale.append(engine) }
        }
        for entry in registry.entries { keep(entry.traits.name, running) }
        return stale
    }

    fileprivate mutating func keep(_ name: String, _ running: TaskFeed<String>) {
        guard kept[name] == nil else { return }
        kept[name] = HandlerHost.Kept()
        running.begin(name)
    }

    /// What is to run next; nil when that is nothing.
    fileprivate mutating func next(_ name: String) -> HandlerRegistry.Entry? {
        let entry = registry[name]
        kept[name] = entry.map { _ in HandlerHost.Kept() }
        return entry
    }

    /// - Returns: Whether it is to end already.
    fileprivate mutating func begin(_ name: String, _ engine: ConsumerEngine) -> Bool {
        kept[name]?.engine = engine
        return kept[name]?.isStale ?? true
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
