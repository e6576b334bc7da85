import Telemetry

/// Hands one event to one handler once, and tells what became of it.
struct HandlerExecutor: Sendable {
    let entry: HandlerRegistry.Entry
    let time: Timekeeper
    let wallClock: any WallClock
    let logger: Logger
    let metrics: MetricsRegistry

    /// - Throws: `CancellationError` only, when this task was cancelled: then nothing is known of
    ///   the run, and it is to be done again.
    func run(
        _ event: RecordedEvent, attempt: Int, replay: EventID? = nil
    ) async throws -> HandlerRun {
        let startedAt = Timestamp(wallClock.now())
        let start = time.now()
        func ended(
            _ outcome: DeliveryOutcome, _ failure: FailureReport? = nil,
            changes: [ProjectionChange] = []
        ) -> HandlerRun {
            let duration = time.now() - start
            count(event, duration, isFailure: failure != nil)
            return HandlerRun(
                event: event, attempt: attempt, outcome: outcome, startedAt: startedAt,
                duration: duration, failure: failure, changes: changes)
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
                let verdict = try await withTimeLimit(handler.timeLimit, time) {
                    try await handler.handle(event, context: context)
                }
                return ended(verdict == .done ? .succeeded : .declined)
            }
        } catch is TimeLimitExceeded {
            return ended(.timedOut, report(.timedOut, event, "over its time limit"))
        } catch {
            if Task.isCancelled { throw CancellationError() }
            return ended(.failed, report(.handlerFailed, event, String(describing: error)))
        }
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

    private func count(_ event: RecordedEvent, _ duration: Duration, isFailure: Bool) {
        let label = [MetricLabel(.type, event.type)]
        metrics.histogram(
            "event_processing_duration_seconds", help: "How long handlers take for an event.",
            labels: label
        ).record(duration)
        if isFailure {
            metrics.counter(
                "event_handler_errors_total", help: "Runs of handlers that failed.", labels: label
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
