public import Telemetry

/// Replays on a node: takes requests, and runs what is not over, also what another node began.
public final class Replays: Sendable {
    private let store: any ReplayStore
    private let planner: ReplayPlanner
    private let runner: ReplayRunner
    private let wallClock: any WallClock
    private let logger: Logger
    private let time: Timekeeper
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let state = Lock(State())

    private struct State {
        var running: Set<EventID> = []
        var isDraining = false
    }

    /// Replays that one node runs side by side.
    private static let maxRunning = 4
    private static let pollInterval: Duration = .seconds(2)
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
            node: node, time: time, wallClock: wallClock, metrics: metrics, logger: logger)
        (wakeUps, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Plans a replay, and starts it unless it is a dry run.
    ///
    /// - Throws: ``EventsError``: `.invalidArgument`, `.notFound` for an id of the selection,
    ///   `.outOfRange`, `.unavailable`.
    public func start(_ request: ReplayRequest, caller: Caller) async throws -> Replay {
        try check(request)
        if !request.isDryRun, !request.requestID.isEmpty,
            let known = try await store.find(requestID: request.requestID, tenant: caller.tenant)
        {
            return known
        }
        let plan = try await planner.plan(request, caller: caller)
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
        state.withLock { $0.isDraining = true }
        runner.drain()
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
                for id in await waiting() {
                    group.addTask(priority: .background) {
                        defer { _ = self.state.withLock { $0.running.remove(id) } }
                        try await self.runner.run(id)
                    }
                }
            }
            try Task.checkCancellation()
        }
    }

    /// Takes what is not over and not running here, as many as there is room for.
    private func waiting() async -> [EventID] {
        do {
            let ids = try await store.unfinished(limit: 100)
            return state.withLock { state in
                let room = Self.maxRunning - state.running.count
                let running = state.running
                let chosen = ids.filter { !running.contains($0) }.prefix(max(room, 0))
                state.running.formUnion(chosen)
                return Array(chosen)
            }
        } catch {
            logger.warning(
                "Replays cannot be looked up", [.error: .init(String(describing: error))])
            return []
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
