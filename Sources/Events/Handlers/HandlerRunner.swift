import Telemetry

/// Runs one handler's share of this node: a member of the handler's consumer that lives here.
///
/// 1. The engine hands it events, runs of a key's of which one begins at a time, after it was stored
///    that they may begin: so nothing runs unseen, and a node that was taken over runs nothing new.
/// 2. Each runs as a task of its own, ``HandlerTraits/concurrency`` at a time; a projection, which
///    only computes, runs what it was handed in one go, as far as a batch has room for its changes.
/// 3. What became of a run goes back to the engine: done, again after a pause (``RetryPolicy``),
///    dead letter, or, when the node stops, not begun. The engine stores it with the next batch,
///    under the fence of the event's partition; a projection's changes go into the same transaction.
///
/// There is no deadline for an answer, since the node's own lease bounds it: when another node has
/// taken a partition over, its runs here are cancelled, and what they say is refused. The delivery
/// id is the same for each run of an event.
struct HandlerRunner: Sendable {
    let entry: HandlerRegistry.Entry
    let engine: ConsumerEngine
    let executor: HandlerExecutor
    let counts: HandlerCounts
    let time: Timekeeper
    let wallClock: any WallClock
    let failures: any FailureReporter
    let metrics: HandlerMetrics
    let logger: Logger

    /// Events that are handed out ahead of a handler's runs, and of a projection's.
    private static let window = 1_024
    private static let projected = 2_048

    /// Returns when the node drains and nothing runs any more.
    func run() async throws {
        let concurrency: Int
        let inbox = RunInbox()
        switch entry {
        case .handler(let handler): concurrency = handler.concurrency
        case .projection: concurrency = Self.projected
        }
        do {
            let member = try await engine.joinHere(
                concurrency: concurrency, window: window(concurrency), inbox: inbox,
                told: { [metrics, logger, name = entry.traits.name] broken in
                    metrics.broken(broken)
                    logger.warning(
                        broken.isEmpty
                            ? "No circuit of a handler is open" : "A handler's circuit is open",
                        [.handler: .init(name), .reason: .init(broken.joined(separator: ", "))])
                })
            // Circuits end with it, whatever they were.
            defer { metrics.broken([]) }
            logger.info("Handler starts", [.handler: .init(entry.traits.name)])
            switch entry {
            case .handler: try await work(as: member, inbox)
            case .projection: try await project(as: member)
            }
            await engine.leave(member)
        } catch let error as EventsError where error.reason == .draining {}
    }

    /// Of one attempt nothing may be used up by waiting for its turn.
    private func window(_ concurrency: Int) -> Int {
        entry.traits.retry.maxAttempts > 1 ? max(concurrency, Self.window) : concurrency
    }

    // MARK: Handlers

    private func work(as member: Int, _ inbox: RunInbox) async throws {
        let limits = RunLimits(entry.traits.timeLimit, time)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await limits.run() }
            group.addTask { try await dispatch(as: member, limits, inbox) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Returns when the node drains and all that was begun is over.
    private func dispatch(
        as member: Int, _ limits: RunLimits, _ inbox: RunInbox
    ) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            do {
                while true {
                    for run in try await engine.nextRuns(member) {
                        group.addTask {
                            let verdict = await perform(run, limits)
                            if !inbox.add(verdict) { await engine.settle([verdict], of: member) }
                        }
                    }
                }
            } catch let error as EventsError where error.reason == .draining {
                await engine.settle(inbox.close(), of: member)
            }
        }
    }

    private func perform(_ run: HandedRun, _ limits: RunLimits) async -> RunVerdict {
        let id = limits.add(run.control)
        defer { limits.remove(id) }
        do {
            let ended = try await executor.run(
                run.event, attempt: run.attempt, control: run.control)
            let answer = self.verdict(on: ended)
            await report(ended, of: run, answer)
            counts.add([ended])
            return RunVerdict(run, answer, circuit: ended.circuit)
        } catch {
            return RunVerdict(run, Verdict(.release))
        }
    }

    // MARK: Projections

    /// What a batch has no room for goes back unbegun, and less is taken at first from then on: whoever
    /// changes much must not keep others' events behind theirs.
    private func project(as member: Int) async throws {
        var portion = Self.projected
        while true {
            var verdicts: [RunVerdict] = []
            var ended: [HandlerRun] = []
            var changes = 0
            var isFull = false
            let runs = try await engine.nextRuns(member, atMost: portion)
            for run in runs {
                if isFull {
                    verdicts.append(RunVerdict(run, Verdict(.release)))
                    continue
                }
                let result =
                    run.isUnacceptable
                    ? executor.refused(run.event, attempt: run.attempt)
                    : try await executor.run(run.event, attempt: run.attempt)
                let answer = verdict(on: result)
                await report(result, of: run, answer)
                ended.append(result)
                if changes > 0, changes + result.changes.count > ConsumerEngine.maxChanges {
                    try await engine.settleInTurn(verdicts, of: member)
                    (verdicts, changes, isFull) = ([], 0, true)
                }
                verdicts.append(RunVerdict(run, answer, changes: result.changes))
                changes += result.changes.count
            }
            portion = isFull ? ended.count : min(2 * portion, Self.projected)
            counts.add(ended)
            try await engine.settleInTurn(verdicts, of: member)
        }
    }

    // MARK: Verdicts

    private func verdict(on run: HandlerRun) -> Verdict {
        guard let failure = run.failure else { return Verdict(.ack, outcome: run.outcome) }
        var random = SystemRandomNumberGenerator()
        guard let error = run.error, error.mayBeRetried,
            let pause = entry.traits.retry.pause(
                after: run.attempt, age: age(of: run.event), retryAfter: error.retryAfter,
                random: &random)
        else { return Verdict(.deadLetter, reason: failure.message) }
        return Verdict(.retry, reason: failure.message, delay: pause, outcome: run.outcome)
    }

    /// Before the verdict is stored: a failure that is in the books was told of.
    private func report(_ ended: HandlerRun, of run: HandedRun, _ verdict: Verdict) async {
        guard let failure = ended.failure else { return }
        metrics.failed(isRetried: verdict.action == .retry)
        await failures.report(
            HandlerFailure(
                handler: entry.traits.name, consumer: entry.traits.consumer,
                deliveryID: entry.traits.deliveryID(of: run.event), event: run.event,
                attempt: run.attempt, revival: run.revival, report: failure,
                isRetried: verdict.action == .retry, at: Timestamp(wallClock.now())))
    }

    private func age(of event: RecordedEvent) -> Duration {
        let now = Timestamp(wallClock.now())
        return .microseconds(max(0, now.microseconds - event.recordedAt.microseconds))
    }
}
