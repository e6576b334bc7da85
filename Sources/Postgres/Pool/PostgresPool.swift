public import IO
public import Telemetry

/// A bounded number of connections, made when they are needed and made anew when they are lost.
///
/// Single statements share connections; a transaction has one alone. `run` must run, or nothing
/// ever connects.
public final class PostgresPool: Sendable {
    public struct Limits: Sendable {
        /// Connections at most.
        public var size: Int
        /// Connections to keep open.
        public var minimum = 1
        /// Callers that may wait for a connection; more are `.overloaded`.
        public var maxWaiting = 8_192
        /// How long callers wait while no connection can be made.
        public var patience: Duration = .seconds(3)

        public init(size: Int) { self.size = size }
    }

    private struct State {
        var machine: PoolStateMachine
        var nextID = 0
        var connections: [Int: PostgresConnection] = [:]
        var waiters: [Int: Waiter<Lease, any Error>] = [:]
        /// Ended before they were admitted.
        var lostEarly: Set<Int> = []
        var lastFailure: PostgresError?
    }

    private struct Lease: Sendable {
        let id: Int
        let connection: PostgresConnection
    }

    private let configuration: PostgresConfiguration
    private let limits: Limits
    private let loops: IOLoopGroup
    private let logger: Logger
    private let state: Lock<State>
    private let demands: AsyncStream<Void>
    private let demand: AsyncStream<Void>.Continuation

    public convenience init(
        _ configuration: PostgresConfiguration, size: Int, loops: IOLoopGroup, logger: Logger
    ) {
        self.init(configuration, Limits(size: size), loops: loops, logger: logger)
    }

    public init(
        _ configuration: PostgresConfiguration, _ limits: Limits, loops: IOLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.limits = limits
        self.loops = loops
        self.logger = logger
        state = Lock(
            State(
                machine: PoolStateMachine(
                    size: limits.size, minimum: limits.minimum, maxWaiting: limits.maxWaiting)))
        // Bounded by the attempts that may be under way, which are no more than connections.
        (demands, demand) = AsyncStream.makeStream(of: Void.self)
    }

    /// Why no connection could be made lately; nil while there is one.
    public var trouble: PostgresError? { state.withLock { $0.lastFailure } }

    /// Connections at most.
    public var size: Int { limits.size }

    /// Connections that are open now.
    public var openConnections: Int { state.withLock { $0.machine.open } }

    // MARK: Use

    /// Runs one statement in a transaction of its own, on the connection with the least to do.
    ///
    /// - Throws: ``PostgresError``; `CancellationError`, and whether the statement runs is open then.
    public nonisolated(nonsending) func execute(
        _ statement: Statement, _ parameters: [Parameter] = []
    ) async throws -> Rows {
        let encoded = try EncodedParameters(parameters)
        return try await withLease(.shared) { connection in
            try await connection.run(statement, encoded, turn: nil)
        }
    }

    /// Lends a connection to `body` alone, which runs on the connection's loop: one hop there and
    /// one back, instead of two for each statement. It must leave the session as it was.
    public nonisolated(nonsending) func withConnection<Result: Sendable>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        try await withLease(.alone) { connection in
            try await withTaskExecutorPreference(connection.loop) { try await body(connection) }
        }
    }

    /// A transaction on a connection of its own; `body` runs as in ``withConnection(_:)``.
    public nonisolated(nonsending) func transaction<Result: Sendable>(
        _ isolation: TransactionIsolation = .readCommitted,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await withLease(.alone) { connection in
            try await withTaskExecutorPreference(connection.loop) {
                try await connection.transaction(isolation, body)
            }
        }
    }

    /// A caller that gives up leaves its connection to nobody until the server has answered.
    private nonisolated(nonsending) func withLease<Result>(
        _ use: PoolStateMachine.Use, _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let lease = try await acquire(use)
        do {
            let result = try await body(lease.connection)
            release(lease, use)
            return result
        } catch {
            guard use == .alone || error is CancellationError else {
                release(lease, use)
                throw error
            }
            state.withLock { $0.machine.abandon(lease.id) }
            startWanted()
            await lease.connection.whenAnswered {
                self.serve { $0.releaseAbandoned(lease.id, use) }
            }
            throw error
        }
    }

    private nonisolated(nonsending) func acquire(
        _ use: PoolStateMachine.Use
    ) async throws -> Lease {
        let (id, lease) = try state.withLock { state throws(PostgresError) in
            try Self.acquire(use, &state)
        }
        if let lease {
            startWanted()
            return lease
        }
        return try await withTaskCancellationHandler {
            try await suspended { waiter in
                let outcome = state.withLock { state -> Result<Lease, any Error>? in
                    Self.park(waiter, id, use, &state)
                }
                startWanted()
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let (waiter, grants) = state.withLock { state in
                let grants = state.machine.cancel(waiter: id).grants
                return (state.waiters.removeValue(forKey: id), Self.granted(grants, &state))
            }
            waiter?.resume(throwing: CancellationError())
            for (waiter, lease) in grants { waiter.resume(returning: lease) }
        }
    }

    /// A connection at once, if there is one.
    private static func acquire(
        _ use: PoolStateMachine.Use, _ state: inout State
    ) throws(PostgresError) -> (Int, Lease?) {
        state.nextID += 1
        guard let connection = state.machine.acquireAtOnce(use) else { return (state.nextID, nil) }
        guard let lease = lease(connection, state) else { return (state.nextID, nil) }
        return (state.nextID, lease)
    }

    private static func park(
        _ waiter: Waiter<Lease, any Error>, _ id: Int, _ use: PoolStateMachine.Use,
        _ state: inout State
    ) -> Result<Lease, any Error>? {
        if Task.isCancelled { return .failure(CancellationError()) }
        switch state.machine.acquire(use, waiter: id, now: .now) {
        case .use(let connection):
            return lease(connection, state).map { .success($0) }
                ?? .failure(PostgresError(.connectionLost, "the connection is gone"))
        case .wait:
            state.waiters[id] = waiter
            return nil
        case .refused:
            return .failure(
                state.machine.hasEnded
                    ? PostgresError(.connectionLost, "the pool has ended")
                    : PostgresError(.overloaded, "too many callers wait for a connection"))
        }
    }

    private static func lease(_ id: Int, _ state: State) -> Lease? {
        state.connections[id].map { Lease(id: id, connection: $0) }
    }

    private static func granted(
        _ grants: [PoolStateMachine.Grant], _ state: inout State
    ) -> [(Waiter<Lease, any Error>, Lease)] {
        grants.compactMap { grant in
            guard let waiter = state.waiters.removeValue(forKey: grant.waiter),
                let lease = lease(grant.connection, state)
            else { return nil }
            return (waiter, lease)
        }
    }

    private func release(_ lease: Lease, _ use: PoolStateMachine.Use) {
        serve { $0.release(lease.id, use) }
    }

    private func serve(_ change: (inout PoolStateMachine) -> [PoolStateMachine.Grant]) {
        let grants = state.withLock { state in Self.granted(change(&state.machine), &state) }
        for (waiter, lease) in grants { waiter.resume(returning: lease) }
    }

    // MARK: Connections

    /// Connects when calls wait, until it is cancelled; then closes every connection. Runs once.
    public func run() async throws {
        startWanted()
        await withDiscardingTaskGroup { group in
            for await _ in demands {
                group.addTask { await self.connectOne() }
            }
        }
        let (connections, waiters) = state.withLock { state in
            _ = state.machine.end()
            defer { state.waiters = [:] }
            return (Array(state.connections.values), Array(state.waiters.values))
        }
        for waiter in waiters {
            waiter.resume(throwing: PostgresError(.connectionLost, "the pool has ended"))
        }
        for connection in connections { await connection.close() }
    }

    private func startWanted() {
        for _ in 0..<state.withLock({ $0.machine.wanted() }) { demand.yield() }
    }

    /// Tries until it has a connection or nobody wants one.
    private func connectOne() async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                try await connectOnce()
                return
            } catch let error as PostgresError {
                let delay = backoff.delay()
                report(error, delay)
                guard (try? await Task.sleep(for: delay)) != nil else { break }
                guard state.withLock({ $0.machine.needsConnection }) else { break }
            } catch {
                break
            }
        }
        state.withLock { $0.machine.abandoned() }
        if !Task.isCancelled { startWanted() }
    }

    private func connectOnce() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let connection = try await PostgresConnection.connect(
            configuration, on: loops.next(), logger: logger
        ) { [weak self] _ in self?.lost(id) }
        let (grants, isGone, isLate) = state.withLock { state in
            state.lastFailure = nil
            // It may have ended already: then it comes and goes.
            state.connections[id] = connection
            let grants = Self.granted(state.machine.connected(id), &state)
            return (grants, state.lostEarly.remove(id) != nil, state.machine.hasEnded)
        }
        for (waiter, lease) in grants { waiter.resume(returning: lease) }
        if isGone { lost(id) }
        if isLate { await connection.close() }
        startWanted()
    }

    private func report(_ error: PostgresError, _ delay: Duration) {
        // Who may not come in now may not a second later either.
        let limit = error.retryable ? limits.patience : nil
        let (waiters, isNews) = state.withLock { state in
            let isNews = state.lastFailure != error
            state.lastFailure = error
            let due = state.machine.failed(now: .now, limit: limit)
            return (due.compactMap { state.waiters.removeValue(forKey: $0) }, isNews)
        }
        if isNews {
            logger.warning(
                "Cannot connect to Postgres; trying on",
                [
                    .address: .string(configuration.location), .error: .init(error),
                    .delay: .init(delay),
                ])
        }
        for waiter in waiters { waiter.resume(throwing: error) }
    }

    private func lost(_ id: Int) {
        let grants = state.withLock { state -> [(Waiter<Lease, any Error>, Lease)] in
            guard state.connections.removeValue(forKey: id) != nil else {
                state.lostEarly.insert(id)
                return []
            }
            return Self.granted(state.machine.lost(id), &state)
        }
        for (waiter, lease) in grants { waiter.resume(returning: lease) }
        startWanted()
    }
}
