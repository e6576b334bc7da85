import Telemetry

/// Runs one replay under its lease: each target on its own, from its own cursor.
///
/// Live events have their own runners; replays run beside them at background priority.
final class ReplayRunner: Sendable {
    private let store: any ReplayStore
    private let log: any EventLog
    private let books: any HandlerBooks
    private let registry: @Sendable () -> HandlerRegistry
    private let leases: LeaseKeeper
    private let time: Timekeeper
    private let wallClock: any WallClock
    private let metrics: MetricsRegistry
    private let logger: Logger

    init(
        store: any ReplayStore, log: any EventLog, books: any HandlerBooks,
        registry: @escaping @Sendable () -> HandlerRegistry, leases: LeaseKeeper,
        time: Timekeeper, wallClock: any WallClock, metrics: MetricsRegistry, logger: Logger
    ) {
        self.store = store
        self.log = log
        self.books = books
        self.registry = registry
        self.leases = leases
        self.time = time
        self.wallClock = wallClock
        self.metrics = metrics
        self.logger = logger
    }

    /// Does what is left of a replay, unless another node is at it, until its turn is over.
    ///
    /// - Returns: Whether it was this node's, and nothing went wrong.
    /// - Throws: `CancellationError` only: what else goes wrong is tried again at the next turn.
    func run(_ id: EventID, _ turn: ReplayTurn) async throws -> Bool {
        do {
            return try await leases.withLeaseIfFree("replay/\(id)") { lease in
                try await self.work(id, under: lease, turn)
                return true
            } ?? false
        } catch let error as CancellationError {
            throw error
        } catch BooksError.replayOver {
            logger.info("Replay ended from outside", [.replay: .init(id)])
        } catch {
            logger.warning(
                "Replay interrupted",
                [.replay: .init(id), .error: .init(String(describing: error))])
        }
        return false
    }

    private func work(_ id: EventID, under lease: Lease, _ turn: ReplayTurn) async throws {
        let job = try await store.claim(id, fence: lease.fence)
        let isComplete = try await withThrowingTaskGroup(of: Bool.self) { group in
            for target in job.targets {
                group.addTask { try await self.run(target, of: job, under: lease, turn) }
            }
            var isComplete = true
            for try await isDone in group { isComplete = isComplete && isDone }
            return isComplete
        }
        guard isComplete else { return }
        try await store.finish(id, fence: lease.fence)
        logger.info("Replay completed", [.replay: .init(id)])
    }

    /// - Returns: Whether the target is done.
    private func run(
        _ target: ReplayJob.Target, of job: ReplayJob, under lease: Lease, _ turn: ReplayTurn
    ) async throws -> Bool {
        // A handler that this node's version does not have is left to another node.
        guard let entry = registry()[target.handler] else { return false }
        var run = ReplayTargetRun(
            target, of: job, under: lease, store: store, log: log, books: books,
            executor: HandlerExecutor(
                entry: entry, time: time, wallClock: wallClock, logger: logger, metrics: metrics),
            turn: turn)
        return try await run.run()
    }
}
