import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct HandlerExecutorTests {
    private let clock = ManualClock()
    private let sink = RecordingSink()
    private let metrics = MetricsRegistry()

    private func executor(_ handler: SampleHandler) -> HandlerExecutor {
        HandlerExecutor(
            entry: .handler(handler), time: Timekeeper(clock), wallClock: clock.wall,
            logger: Logger(label: "test", sink: sink), metrics: metrics)
    }

    @Test func `a run that returns succeeded or was declined`() async throws {
        let run = try await executor(SampleHandler()).run(SampleEvents.event(1), attempt: 1)
        #expect(run.outcome == .succeeded)
        let declining = SampleHandler(body: { _, _ in .declined })
        #expect(
            try await executor(declining).run(SampleEvents.event(1), attempt: 1).outcome
                == .declined)
    }

    @Test func `a throw becomes a failure whose text only the operator sees`() async throws {
        let failing = SampleHandler(body: { _, _ in throw SampleFailure() })
        let run = try await executor(failing).run(SampleEvents.event(7), attempt: 1)
        #expect(run.outcome == .failed)
        let failure = try #require(run.failure)
        #expect(failure.message == "HANDLER_FAILED (reference \(failure.reference))")
        let record = try #require(sink.records.first)
        #expect(record.fields[.errorReference] == .string(failure.reference))
        #expect(record.fields[.error] == .string("secret of the operator"))
    }

    @Test func `a run over its time limit is cancelled`() async throws {
        let slow = SampleHandler(
            timeLimit: .seconds(5),
            body: { [clock] _, _ in
                try await clock.sleep(until: clock.now.advanced(by: .seconds(60)), tolerance: nil)
                return .done
            })
        async let run = executor(slow).run(SampleEvents.event(1), attempt: 1)
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(5))
        let ended = try await run
        #expect(ended.outcome == .timedOut)
        #expect(ended.failure?.class == .timedOut)
        #expect(ended.duration == .seconds(5))
    }

    @Test func `the delivery id is the same for each run`() async throws {
        let ids = Lock<[String]>([])
        let handler = SampleHandler(body: { _, context in
            ids.withLock { $0.append(context.deliveryID) }
            return .done
        })
        for attempt in 1...2 {
            _ = try await executor(handler).run(SampleEvents.event(9), attempt: attempt)
        }
        let id = "handler/sample/9/00000000-0000-7000-0000-000000000009"
        #expect(ids.withLock { $0 } == [id, id])
    }

    /// After a failover to a standby that lacked the newest events.
    @Test func `the delivery id of another history's event of the position is another`() {
        let lost = SampleEvents.event(9)
        let later = SampleEvents.event(9, id: EventID(high: 0x7000, low: 10))
        let handler = SampleHandler()
        #expect(handler.deliveryID(of: lost) != handler.deliveryID(of: later))
    }

    @Test(
        arguments: [
            (.success(.done), .answered(by: nil)),
            (.success(.declined), .unknown),
            (.failure(HandlerError.permanent("no JSON")), .unknown),
            (.failure(HandlerError.permanent("404", target: "hub")), .answered(by: "hub")),
            (.failure(SampleFailure()), .unknown),
            (.failure(HandlerError.transient("away")), .failed(target: nil, isRefused: false)),
            (
                .failure(HandlerError.refused("who are you", target: "hub")),
                .failed(target: "hub", isRefused: true)
            ),
        ] as [(Result<HandlerVerdict, any Error>, CircuitBreaker.Outcome)])
    func `only what was asked says something of a circuit`(
        ending: Result<HandlerVerdict, any Error>, outcome: CircuitBreaker.Outcome
    ) async throws {
        let handler = SampleHandler(body: { _, _ in try ending.get() })
        let run = try await executor(handler).run(SampleEvents.event(1), attempt: 1)
        #expect(run.circuit == outcome)
    }

    @Test func `failures are counted by type`() async throws {
        let failing = SampleHandler(body: { _, _ in throw SampleFailure() })
        _ = try await executor(failing).run(SampleEvents.event(1), attempt: 1)
        let text = metrics.exposition()
        #expect(text.contains("event_handler_errors_total{type=\"lead.created\"} 1"))
        #expect(
            text.contains("event_processing_duration_seconds_count{type=\"lead.created\"} 1"))
    }
}
