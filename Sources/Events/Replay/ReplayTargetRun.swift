import Telemetry

/// One target's way through what is left of a replay.
struct ReplayTargetRun {
    private static let pageEvents = 200
    /// Of payloads: a page is held until it is stored what became of it, for each target of each
    /// replay that runs.
    private static let pageBytes = 1 << 20
    /// Work of so long is kept at once, for a crash repeats what was not.
    private static let commitInterval: Duration = .seconds(1)

    private let store: any ReplayStore
    private let log: any EventLog
    private let books: any HandlerBooks
    private let executor: HandlerExecutor
    private let turn: ReplayTurn
    private var pace: Pace
    /// What was done since the last commit.
    private var work: ReplayWork
    private var committedAt: Duration
    /// As the books said last.
    private var isPaused: Bool
    /// Of the first event a turn before may have made some attempts.
    private var isFirst = true

    init(
        _ target: ReplayJob.Target, of job: ReplayJob, under lease: Lease,
        store: any ReplayStore, log: any EventLog, books: any HandlerBooks,
        executor: HandlerExecutor, turn: ReplayTurn
    ) {
        self.store = store
        self.log = log
        self.books = books
        self.executor = executor
        self.turn = turn
        let now = executor.time.now()
        pace = Pace(perSecond: job.maxEventsPerSecond, now: now)
        work = ReplayWork(
            replay: job.id, fence: lease.fence, handler: target.handler, node: lease.holder,
            from: target.position, through: target.position, runs: [], missing: 0)
        committedAt = now
        isPaused = target.isPaused
    }

    /// Runs until the target is done, its handler is paused, or the turn is over.
    ///
    /// - Returns: Whether the target is done.
    mutating func run() async throws -> Bool {
        while !turn.isOver {
            let positions = try await store.positions(
                work.replay, after: work.through, limit: pace.batch(atMost: Self.pageEvents))
            guard !positions.isEmpty else { return true }
            let page = try await log.events(at: positions, maxBytes: Self.pageBytes)
            let unreached = try await books.unreached(work.handler, page.events)
            var rest = page.events[...]
            for position in positions.prefix(page.count) {
                if let event = rest.first, event.position == position {
                    rest.removeFirst()
                    if executor.entry.wants(event.type) {
                        let isReached = !unreached.contains(position)
                        guard try await handOver(event, isReached: isReached) else { return false }
                    }
                } else {
                    work.missing += 1
                }
                work.through = position
            }
            try await commit()
            await Task.yield()
        }
        return false
    }

    /// Waits for the next event's time. All is committed where it ends.
    private mutating func mayGoOn() async throws -> Bool {
        if !isPaused, !turn.isOver {
            let pause = pace.next(now: executor.time.now())
            if pause > .zero { try await turn.sleep(for: pause) }
        }
        let isOver = turn.isOver
        if isOver || isPaused || executor.time.now() - committedAt >= Self.commitInterval {
            try await commit()
        }
        if isPaused { turn.rest() }
        return !isOver && !isPaused
    }

    /// Hands an event over until it went well or has failed for good.
    ///
    /// - Returns: false where the target is to be left before that; all is committed then.
    private mutating func handOver(_ event: RecordedEvent, isReached: Bool) async throws -> Bool {
        guard try await mayGoOn() else { return false }
        if !isReached {
            // The handler gets it live, for the first time, in its order.
            work.runs.append(
                HandlerRun(
                    event: event, attempt: 1, outcome: .skipped,
                    startedAt: Timestamp(executor.wallClock.now()), duration: .zero))
            return true
        }
        var attempt = 0
        if isFirst {
            attempt = try await store.attempts(
                work.replay, handler: work.handler, at: event.position)
            isFirst = false
        }
        while true {
            attempt += 1
            let run = try await executor.run(event, attempt: attempt, replay: work.replay)
            guard let pause = pause(after: run) else {
                work.runs.append(run)
                return true
            }
            work.tries.append(run)
            try await commit()
            if pause > .zero { try await turn.sleep(for: pause) }
            guard try await mayGoOn() else { return false }
        }
    }

    /// Nil: it went well, or is not tried again.
    private func pause(after run: HandlerRun) -> Duration? {
        guard let error = run.error, error.mayBeRetried else { return nil }
        var random = SystemRandomNumberGenerator()
        // The event's age says nothing here: replays are of old ones.
        return executor.entry.traits.retry.pause(
            after: run.attempt, age: .zero, retryAfter: error.retryAfter, random: &random)
    }

    private mutating func commit() async throws {
        isPaused = try await commit(work)
        work = work.rest(after: work.through)
        committedAt = executor.time.now()
    }

    /// - Returns: Whether the handler is paused.
    private func commit(_ work: ReplayWork) async throws -> Bool {
        do {
            return try await store.commit(work)
        } catch BooksError.changeRefused where work.runs.count == 1 {
            var work = work
            let run = work.runs[0]
            let failure = executor.report(
                .changeRefused, run.event, "the store refused the projection's change")
            work.runs = [run.failing(failure)]
            return try await store.commit(work)
        } catch BooksError.changeRefused {
            return try await commitEachAlone(work)
        }
    }

    private func commitEachAlone(_ work: ReplayWork) async throws -> Bool {
        var isPaused = false
        var single = work.rest(after: work.from)
        for (index, run) in work.runs.enumerated() {
            let isLast = index == work.runs.count - 1
            single.through = isLast ? work.through : run.event.position
            single.runs = [run]
            single.missing = isLast ? work.missing : 0
            single.tries = isLast ? work.tries : []
            isPaused = try await commit(single)
            single = single.rest(after: single.through)
        }
        return isPaused
    }
}

extension ReplayWork {
    /// Nothing yet of what comes next.
    fileprivate func rest(after position: Position) -> ReplayWork {
        ReplayWork(
            replay: replay, fence: fence, handler: handler, node: node, from: position,
            through: position, runs: [], missing: 0)
    }
}

extension HandlerRegistry.Entry {
    func wants(_ type: String) -> Bool {
        traits.types.contains { $0.matches(type) }
    }
}
