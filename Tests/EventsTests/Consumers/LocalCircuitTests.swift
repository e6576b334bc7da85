import Telemetry
import TestSupport
import Testing

@testable import Events

/// What an engine makes of the circuits of a member that lives in its process.
@Suite struct LocalCircuitTests {
    private let clock = ManualClock()
    private let told = Lock<[[String]]>([])

    private func engine() -> ConsumerEngine {
        ConsumerEngine(
            .sample(), .sample(NoBooks(), clock), ConsumerMetrics(MetricsRegistry(), .handlers))
    }

    private func join(_ engine: ConsumerEngine) async throws -> Int {
        try await engine.joinHere(
            concurrency: 16, window: 16, inbox: RunInbox(),
            told: { [told] broken in told.withLock { $0.append(broken) } })
    }

    private var toldLast: [String]? { told.withLock { $0.last } }

    private let declined = HandlerRun(
        event: SampleEvents.event(1), attempt: 1, outcome: .declined,
        startedAt: Timestamp(seconds: 0, nanoseconds: 0), duration: .zero
    ).circuit

    private func verdict(_ circuit: CircuitBreaker.Outcome) -> RunVerdict {
        let run = HandedRun(
            event: SampleEvents.event(1), attempt: 1,
            token: AckToken(consumer: 1, partition: 0, fence: 1, position: Position(1), ticket: 1),
            revival: 0, isUnacceptable: false, control: RunControl())
        return RunVerdict(run, Verdict(.ack), circuit: circuit)
    }

    @Test func `a circuit opens though events are declined between the failures`() async throws {
        let engine = engine()
        let member = try await join(engine)
        for _ in 0..<5 {
            await engine.settle([verdict(.failed(target: "hub", isRefused: false))], of: member)
            await engine.settle([verdict(declined)], of: member)
        }
        #expect(await engine.isBroken)
        #expect(await engine.workers[member]?.allowed == 0)
        #expect(toldLast == ["hub"])
    }

    @Test func `a try that was declined leaves the next one to be tried`() async throws {
        let engine = engine()
        let member = try await join(engine)
        await engine.settle([verdict(.failed(target: "hub", isRefused: true))], of: member)
        clock.advance(by: .seconds(1))
        await engine.heedCircuits(now: .seconds(1))
        for _ in 0..<2 {
            #expect(await engine.workers[member]?.allowed == 1)
            await engine.settle([verdict(declined)], of: member)
        }
        await engine.settle([verdict(.answered(by: "hub"))], of: member)
        #expect(await engine.workers[member]?.allowed == 16)
    }

    @Test func `a circuit that may be tried is open while something is to run`() async throws {
        let engine = engine()
        let member = try await join(engine)
        await engine.settle([verdict(.failed(target: "hub", isRefused: true))], of: member)
        #expect(toldLast == ["hub"])
        clock.advance(by: .seconds(1))
        await engine.takeUp(WorkItem(SampleEvents.event(1)))
        await engine.heedCircuits(now: .seconds(1))
        #expect(await engine.isBroken)
        await engine.putDown(Position(1))
        await engine.heedCircuits(now: .seconds(1))
        #expect(await !engine.isBroken)
        #expect(toldLast == [])
        // It is not closed for that.
        #expect(await engine.workers[member]?.allowed == 1)
        await engine.takeUp(WorkItem(SampleEvents.event(2)))
        await engine.heedCircuits(now: .seconds(2))
        #expect(toldLast == ["hub"])
    }
}

extension ConsumerEngine {
    fileprivate func takeUp(_ item: WorkItem) { machine.insert(item) }

    fileprivate func putDown(_ position: Position) { machine.remove(position) }
}

private struct NoBooks: SilentBooks {}
