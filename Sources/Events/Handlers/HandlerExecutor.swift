import Telemetry

/// Hands one event to one handler once, and tells what became of it.
struct HandlerExecutor: Sendable {
    let entry: HandlerRegistry.Entry
    let time: Timekeeper
    let wallClock: any WallClock
    let logger: Logger
    let metrics: MetricsRegistry
    /// By the events' types: what was looked up before.
    private let durations = Lock([String: Histogram]())

    /// - Parameter control: Ends the run; its time limit too. Without one the run is timed here.
    /// - Throws: `CancellationError` only, when this task was cancelled, or the run was ended for
    ///   another reason than its time: then nothing is known of the run, and it is to be done again.
    func run(
        _ event: RecordedEvent, attempt: Int, replay: EventID? = nil, control: RunControl? = nil
    ) async throws -> HandlerRun {
        let startedAt = Timestamp(wallClock.now())
        let start = time.now()
        func ended(
            _ outcome: DeliveryOutcome, _ failure: FailureReport? = nil,
            _ error: HandlerError? = nil, changes: [ProjectionChange] = []
        ) -> HandlerRun {
            let duration = time.now() - start
            count(event, duration, isFailure: failure != nil)
            return HandlerRun(
                event: event, attempt: attempt, outcome: outcome, startedAt: startedAt,
                duration: duration, failure: failure, error: error, changes: changes)
        }
        do {
            switch entry {
            case .projection(let projection):
                guard let changes = try projection.changes(for: event) else {
                    return ended(.declined)
                }
                return ended(.succeeded, changes: changes)
            case .handler(let handler):
                let context = HandlerContext(
                    deliveryID: handler.deliveryID(of: event), attempt: attempt, replay: replay)
                let verdict = try await timed(by: control, after: handler.timeLimit) {
                    try await handler.handle(event, context: context)
                }
                return ended(verdict == .done ? .succeeded : .declined)
            }
        } catch is TimeLimitExceeded {
            let error = HandlerError.transient("over its time limit")
            return ended(.timedOut, report(.timedOut, event, error.text), error)
        } catch {
            if Task.isCancelled || control?.end != nil { throw CancellationError() }
            guard let error = error as? HandlerError else {
                return ended(.failed, report(.handlerFailed, event, String(describing: error)))
            }
            return ended(.failed, report(error.reportClass, event, error.text), error)
        }
    }

    private func timed(
        by control: RunControl?, after limit: Duration,
        _ work: @escaping @Sendable () async throws -> HandlerVerdict
    ) async throws -> HandlerVerdict {
        guard let control else { return try await withTimeLimit(limit, time, work) }
        let verdict: HandlerVerdict?
        do {
            verdict = try await control.run(work)
        } catch {
            // What a cancelled run throws says nothing.
            verdict = nil
            if control.end == nil { throw error }
        }
        if let verdict { return verdict }
        if control.end == .timeLimit { throw TimeLimitExceeded() }
        throw CancellationError()
    }

    /// What a run was, of which its events' change was refused by the store.
    func refused(_ event: RecordedEvent, attempt: Int) -> HandlerRun {
        HandlerRun(
            event: event, attempt: attempt, outcome: .failed,
            startedAt: Timestamp(wallClock.now()), duration: .zero,
            failure: report(
                .changeRefused, event, "the store refused the projection's change"))
    }

    /// Puts the full text into the operator's log; tenants get what is returned.
    func report(
        _ failureClass: FailureReport.Class, _ event: RecordedEvent, _ text: String
    ) -> FailureReport {
        let report = FailureReport(failureClass)
        logger.error(
            "A handler failed",
            [
                .handler: .init(entry.traits.name), .position: .init(event.position),
                .eventType: .init(event.type), .errorReference: .init(report.reference),
                .error: .init(text),
            ])
        return report
    }

    private func durations(of type: String) -> Histogram {
        if let known = durations.withLock({ $0[type] }) { return known }
        let histogram = metrics.histogram(
            "event_processing_duration_seconds", help: "How long handlers take for an event.",
            labels: [MetricLabel(.type, type)])
        durations.withLock { durations in
            // Types come from outside.
            if durations.count < 1_000 { durations[type] = histogram }
        }
        return histogram
    }

    private func count(_ event: RecordedEvent, _ duration: Duration, isFailure: Bool) {
        durations(of: event.type).record(duration)
        if isFailure {
            metrics.counter(
                "event_handler_errors_total", help: "Runs of handlers that failed.",
                labels: [MetricLabel(.type, event.type)]
            ).increment()
        }
        logger.debug(
            "Handler run",
            [
                .handler: .init(entry.traits.name), .position: .init(event.position),
                .eventType: .init(event.type), .duration: .init(duration),
            ])
    }
}
