public import Telemetry

/// Replays on a node: takes requests, and runs what is not over, also what another node began.
public final class Replays: Sendable {
    private let store: any ReplayStore
    private let registry: @Sendable () -> HandlerRegistry
    private let node: String
    private let planner: ReplayPlanner
    private let runner: ReplayRunner
    private let wallClock: any WallClock
    private let logger: Logger
    private let time: Timekeeper
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let state = Lock(State())

    private struct State {
        var turns = ReplayTurns()
        var running: [EventID: ReplayTurn] = [:]
        var isDraining = false
        /// The log has it already that they wait for nobody.
        var told: Set<StrandedTarget> = []
    }

    /// Of a tenant, that are not over; all of them are looked at for what waits.
    public static let maxOpenPerTenant = 100
    /// At a look for what waits.
    private static let maxWaiting = 1_000
    private static let pollInterval: Duration = .seconds(2)
    /// Long enough for nodes that start together to say what they have.
    private static let strandedInterval: Duration = .seconds(30)
    private static let maxStranded = 100
    private static let maxTold = 1_000
    private static let maxTextBytes = 512

    /// - Parameters:
    ///   - registry: The handlers that this node can run now.
    ///   - node: Shown in the ledger; names this process, and no other.
    ///   - leaseTime: Without a sign of life for so long, another node takes a replay over.
    public init(
        store: any ReplayStore, log: any EventLog, books: any HandlerBooks,
        leases: any LeaseStore, registry: @escaping @Sendable () -> HandlerRegistry, node: String,
        leaseTime: Duration = .seconds(6), clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        self.store = store
        self.registry = registry
        self.node = node
        self.wallClock = wallClock
        self.logger = logger
        let time = Timekeeper(clock)
        self.time = time
        planner = ReplayPlanner(log: log, books: books)
        runner = ReplayRunner(
            store: store, log: log, books: books, registry: registry,
            leases: LeaseKeeper(
                store: leases, holder: node, configuration: .init(time: leaseTime), time: time,
                logger: logger),
            time: time, wallClock: wallClock, metrics: metrics, logger: logger)
        (wakeUps, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Plans a replay, and starts it unless it is a dry run.
    ///
    /// - Parameter room: For the bytes that planning reads; nil: as many as it likes.
    /// - Throws: ``EventsError``: `.invalidArgument`, `.notFound` for an id of the selection,
    ///   `.outOfRange`, `.resourceExhausted` when so many of the tenant's are not over,
    ///   `.unavailable`.
    public func start(
        _ request: ReplayRequest, caller: Caller, in room: Turnstile? = nil
    ) async throws -> Replay {
        try check(request)
        if !request.isDryRun, !request.requestID.isEmpty,
            let known = try await store.find(requestID: request.requestID, tenant: caller.tenant)
        {
            return known
        }
        let plan = try await planner.plan(request, caller: caller, in: room)
        if request.isDryRun {
            return Replay(
                id: nil, state: .planned, matched: plan.positions.count, targets: plan.targets,
                reason: request.reason)
        }
        let id = EventID.v7(at: Timestamp(wallClock.now()))
        let replay = try await store.create(
            NewReplay(
                id: id, tenant: caller.tenant, requestID: request.requestID,
                reason: request.reason, maxEventsPerSecond: request.maxEventsPerSecond,
                positions: plan.positions, targets: plan.targets))
        logger.info(
            "Replay planned", [.replay: .init(id), .events: .init(plan.positions.count)])
        wake.yield()
        return replay
    }

    private func check(_ request: ReplayRequest) throws(EventsError) {
        for (field, text) in [("reason", request.reason), ("request_id", request.requestID)] {
            guard text.utf8.count <= Self.maxTextBytes else {
                throw .invalid(field, "is longer than \(Self.maxTextBytes) bytes")
            }
            guard !text.utf8.contains(0) else {
                throw .invalid(field, "must not hold a NUL character")
            }
        }
    }

    /// - Throws: ``EventsError``: `.notFound`.
    public func find(_ id: EventID, caller: Caller) async throws -> Replay {
        guard let replay = try await store.find(id, tenant: caller.tenant) else {
            throw EventsError.replayNotFound(id.description)
        }
        return replay
    }

    /// Ends a replay; one that is over stays as it is.
    ///
    /// - Throws: ``EventsError``: `.notFound`.
    public func cancel(_ id: EventID, caller: Caller) async throws -> Replay {
        guard let replay = try await store.cancel(id, tenant: caller.tenant) else {
            throw EventsError.replayNotFound(id.description)
        }
        return replay
    }

    /// Newest first.
    ///
    /// - Parameter before: The last id of the page before.
    public func list(caller: Caller, before: EventID?, limit: Int) async throws -> [Replay] {
        try await store.list(tenant: caller.tenant, before: before, limit: limit)
    }

    /// Lets running replays end after the event they are at; another node resumes them.
    public func drain() {
        let running = state.withLock { state in
            state.isDraining = true
            return Array(state.running.values)
        }
        for turn in running { turn.end() }
        wake.yield()
    }

    /// Runs replays; returns when the node drains.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await self.time.sleep(for: Self.pollInterval)
                    self.wake.yield()
                }
            }
            group.addTask {
                while true {
                    try await self.time.sleep(for: Self.strandedInterval)
                    await self.tellStranded()
                }
            }
            group.addTask { try await self.dispatch() }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    private func dispatch() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            wake.yield()
            for await _ in wakeUps {
                try Task.checkCancellation()
                if state.withLock({ $0.isDraining }) { return }
                for (id, turn) in await begin() {
                    group.addTask(priority: .background) {
                        var isOver = false
                        defer { self.end(id, lookingAgain: isOver) }
                        isOver = try await self.runner.run(id, turn)
                    }
                }
            }
            try Task.checkCancellation()
        }
    }

    /// Begins turns of what waits, as many as there is room for, and ends those that are over.
    private func begin() async -> [(EventID, ReplayTurn)] {
        do {
            let waiting = try await store.waiting(
                for: registry().entries.map(\.traits.name), node: node,
                limitPerTenant: Self.maxOpenPerTenant, limit: Self.maxWaiting)
            let now = time.now()
            let (begun, over) = state.withLock { state in
                let begun = state.isDraining ? [] : state.turns.begin(waiting, now: now)
                for id in begun { state.running[id] = ReplayTurn(time) }
                let over = state.turns.giveWay(to: waiting, now: now)
                return (
                    begun.compactMap { id in state.running[id].map { (id, $0) } },
                    over.compactMap { state.running[$0] }
                )
            }
            for turn in over { turn.end() }
            return begun
        } catch {
            logger.warning(
                "Replays cannot be looked up", [.error: .init(String(describing: error))])
            return []
        }
    }

    /// - Parameter isLookingAgain: At once. What went wrong, or is another node's, would be found
    ///   again and again.
    private func end(_ id: EventID, lookingAgain isLookingAgain: Bool) {
        state.withLock { state in
            state.running[id] = nil
            state.turns.end(id)
        }
        if isLookingAgain { wake.yield() }
    }

    /// Says once of each target that nobody is there to run it.
    private func tellStranded() async {
        // A store that is away is told of by the look for what waits.
        guard let stranded = try? await store.stranded(limit: Self.maxStranded) else { return }
        let news = state.withLock { state in
            if state.told.count > Self.maxTold { state.told.formIntersection(stranded) }
            return stranded.filter { state.told.insert($0).inserted }
        }
        for target in news {
            logger.warning(
                "Replay waits for a handler that no live node has",
                [.replay: .init(target.replay), .handler: .init(target.handler)])
        }
    }
}

extension EventsError {
    static func replayNotFound(_ id: String) -> EventsError {
        EventsError(
            .notFound, "There is no replay \(id).",
            details: [.resource(kind: "replay", name: id)])
    }
}
