import Telemetry
import TestSupport
import Testing

@testable import Events

/// What an engine makes of the circuits of a member that lives in its process.
@Suite struct LocalCircuitTests {
    private let clock = ManualClock()
    private let told = Lock<[[String]]>([])

    private func engine() -> ConsumerEngine {
        let environment = ConsumerEngine.Environment(
            books: NoBooks(), log: ScriptedLog(),
            tail: EventTail(log: ScriptedLog(), clock: clock), node: "one",
            time: Timekeeper(clock), wallClock: clock.wall, logger: .silent, tell: {},
            lookAgain: {})
        let definition = ConsumerDefinition(
            consumer: 1, version: 1, title: "handler/sample", filter: .everything,
            rules: ConsumerRules(
                holdsKeys: false, maxAttempts: 5, ackDeadline: nil, isShared: true),
            refreshed: { nil }, gone: .handlerNotFound("sample"))
        return ConsumerEngine(
            definition, environment, ConsumerMetrics(MetricsRegistry(), .handlers))
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

/// Nothing is stored here.
private struct NoBooks: ConsumerBooks {
    func beat(_ node: String, for time: Duration, members: [ConsumerMembers]) async throws {}
    func end(_ node: String) async throws {}
    func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey] { [] }
    func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition] { [] }
    func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer { BatchAnswer() }
    func remarks(_ consumer: Int32, partitions: [Int]) async throws -> [Remark] { [] }
    func revivals(
        _ consumer: Int32, partitions: [Int], within time: Duration, room: RevivalRoom
    ) async throws -> [Remark] { [] }
    func remark(_ consumer: Int32, _ answers: [TokenAnswer]) async throws -> [Bool] { [] }
    func events(at positions: [Position]) async throws -> [RecordedEvent] { [] }
}
