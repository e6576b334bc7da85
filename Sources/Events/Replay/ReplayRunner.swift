import Synchronization
import Telemetry

/// Runs one replay under its lease: each target on its own, from its own cursor.
///
/// Live events have their own runners; replays run beside them at background priority.
final class ReplayRunner: Sendable {
    private static let pageEvents = 200

    private let store: any ReplayStore
    private let log: any EventLog
    private let books: any HandlerBooks
    private let registry: @Sendable () -> HandlerRegistry
    private let leases: LeaseKeeper
    private let node: String
    private let time: Timekeeper
    private let wallClock: any WallClock
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let isDraining = Atomic(false)

    init(
        store: any ReplayStore, log: any EventLog, books: any HandlerBooks,
        registry: @escaping @Sendable () -> HandlerRegistry, leases: LeaseKeeper, node: String,
        time: Timekeeper, wallClock: any WallClock, metrics: MetricsRegistry, logger: Logger
    ) {
        self.store = store
        self.log = log
        self.books = books
        self.registry = registry
        self.leases = leases
        self.node = node
        self.time = time
        self.wallClock = wallClock
        self.metrics = metrics
        self.logger = logger
    }

    func drain() {
        isDraining.store(true, ordering: .relaxed)
    }

    private var isEnding: Bool { isDraining.load(ordering: .relaxed) }

    /// Does what is left of a replay, unless another node is at it.
    ///
    /// - Throws: `CancellationError` only: what else goes wrong is tried again at the next turn.
    func run(_ id: EventID) async throws {
        do {
            _ = try await leases.withLeaseIfFree("replay/\(id)") { lease in
                try await self.work(id, under: lease)
            }
        } catch let error as CancellationError {
            throw error
        } catch BooksError.replayOver {
            logger.info("Replay ended from outside", [.replay: .init(id)])
        } catch {
            logger.warning(
                "Replay interrupted",
                [.replay: .init(id), .error: .init(String(describing: error))])
        }
    }

    private func work(_ id: EventID, under lease: Lease) async throws {
        let job = try await store.claim(id, fence: lease.fence)
        let isComplete = try await withThrowingTaskGroup(of: Bool.self) { group in
            for target in job.targets {
                group.addTask { try await self.run(target, of: job, fence: lease.fence) }
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
        _ target: ReplayJob.Target, of job: ReplayJob, fence: Int64
    ) async throws -> Bool {
        // A handler that this node's version does not have is left to another node.
        guard let entry = registry()[target.handler] else { return false }
        let executor = HandlerExecutor(
            entry: entry, time: time, wallClock: wallClock, logger: logger, metrics: metrics)
        var pace = Pace(perSecond: job.maxEventsPerSecond, now: time.now())
        var cursor = target.position
        while !isEnding {
            let positions = try await store.positions(
                job.id, after: cursor, limit: pace.batch(atMost: Self.pageEvents))
            guard let last = positions.last else { return true }
            let events = try await log.events(at: positions)
            let unreached = try await books.unreached(target.handler, events)
            var runs: [HandlerRun] = []
            for event in events where entry.wants(event.type) {
                let pause = pace.next(now: time.now())
                if pause > .zero { try await time.sleep(for: pause) }
                runs.append(
                    try await run(
                        event, executor, isReached: !unreached.contains(event.position),
                        replay: job.id))
            }
            let work = ReplayWork(
                replay: job.id, fence: fence, handler: target.handler, node: node, from: cursor,
                through: last, runs: runs, missing: positions.count - events.count)
            try await commit(work, executor)
            cursor = last
            await Task.yield()
        }
        return false
    }

    private func run(
        _ event: RecordedEvent, _ executor: HandlerExecutor, isReached: Bool, replay: EventID
    ) async throws -> HandlerRun {
        if !isReached {
            // The handler gets it live, for the first time, in its order.
            return HandlerRun(
                event: event, attempt: 1, outcome: .skipped,
                startedAt: Timestamp(wallClock.now()), duration: .zero)
        }
        return try await executor.run(event, attempt: 1, replay: replay)
    }

    private func commit(_ work: ReplayWork, _ executor: HandlerExecutor) async throws {
        do {
            try await store.commit(work)
        } catch BooksError.changeRefused where work.runs.count == 1 {
            var work = work
            let run = work.runs[0]
            let failure = executor.report(
                .changeRefused, run.event, "the store refused the projection's change")
            work.runs = [run.failing(failure)]
            try await store.commit(work)
        } catch BooksError.changeRefused {
            try await commitEachAlone(work, executor)
        }
    }

    private func commitEachAlone(_ work: ReplayWork, _ executor: HandlerExecutor) async throws {
        var from = work.from
        for (index, run) in work.runs.enumerated() {
            let isLast = index == work.runs.count - 1
            let through = isLast ? work.through : run.event.position
            let single = ReplayWork(
                replay: work.replay, fence: work.fence, handler: work.handler, node: work.node,
                from: from, through: through, runs: [run], missing: isLast ? work.missing : 0)
            try await commit(single, executor)
            from = through
        }
    }
}

extension HandlerRegistry.Entry {
    func wants(_ type: String) -> Bool {
        traits.types.contains { $0.matches(type) }
    }
}
