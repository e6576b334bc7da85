import EventProtos
import GRPC
import Telemetry
import TestSupport
import Testing

@testable import Events
@testable import Neighbours

/// When the runs of an event come whose calls fail, on a clock that goes only when it is told to:
/// every code in every call, as the engine of the handlers decides it.
@Suite struct AttemptTimesTests {
    enum Call: CaseIterable { case processMessage, resetConversation, recordAuditEvents }

    private static let policy = Events.RetryPolicy(
        maxAttempts: 5, firstDelay: .seconds(1), maxDelay: .seconds(4), maxAge: .seconds(86_400))

    private static let codes = (1...16).map { RPCStatusCode(rawValue: $0) }
    private static let passing: Set<RPCStatusCode> = [
        .unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled,
        .unauthenticated,
    ]

    @Test(arguments: codes, Call.allCases)
    func `what may pass is tried again in growing pauses, the rest is given up`(
        code: RPCStatusCode, call: Call
    ) async throws {
        let story = try await Self.story(of: call, failing: RPCError(code, "on purpose"))
        if code == .notFound, call == .resetConversation {
            #expect(story.end == .ack && story.times.count == 1)
        } else if Self.passing.contains(code) {
            #expect(story.end == .deadLetter && story.times.count == 5)
            for (index, pause) in story.pauses.enumerated() {
                #expect((.zero ... .seconds(min(4, 1 << index))).contains(pause))
            }
            #expect(story.pauses.contains { $0 > .zero })
        } else {
            #expect(story.end == .deadLetter && story.times.count == 1)
        }
    }

    @Test(arguments: Call.allCases)
    func `nobody comes again before the neighbour said so`(call: Call) async throws {
        let status = GoogleRpc.Status(
            code: 8,
            details: [
                GoogleProtobuf.AnyMessage(
                    packing: GoogleRpc.RetryInfo(retryDelay: .init(seconds: 7)))
            ])
        let story = try await Self.story(
            of: call,
            failing: RPCError(.resourceExhausted, "busy", details: status.encoded()))
        #expect(story.pauses == [.seconds(7), .seconds(7), .seconds(7), .seconds(7)])
    }

    @Test(arguments: Call.allCases)
    func `a call that goes well at last ends it`(call: Call) async throws {
        let story = try await Self.story(of: call, failing: RPCError(.unavailable, ""), times: 2)
        #expect(story.end == .ack && story.times.count == 3)
    }

    // MARK: The engine, without its tasks

    private struct Story {
        /// Of the runs.
        var times: [Duration] = []
        var end: Verdict.Action?

        var pauses: [Duration] { zip(times.dropFirst(), times).map { $0 - $1 } }
    }

    private static func story(
        of call: Call, failing error: RPCError, times: Int = .max
    ) async throws -> Story {
        let left = Lock(times)
        let fail: @Sendable () throws -> Void = {
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw error }
        }
        var engine = FakeEngine()
        engine.process = { request in
            try fail()
            return FakeEngine.answer(request)
        }
        engine.reset = {
            try fail()
            return McpEngineV2.ResetConversationResponse(status: FakeEngine.done)
        }
        var hub = FakeHub()
        hub.record = { request in
            try fail()
            return FakeHub.Response(accepted: UInt32(request.events.count))
        }
        return try await Neighbourhood.with(engine, hub) { neighbours in
            let engineHandler = MCPEngineHandler(
                neighbours.engine, deadline: .seconds(60), metrics: neighbours.metrics
            ) { _, _ in }
            let audit = SecurityHubAudit(
                neighbours.hub, deadline: .seconds(60), metrics: neighbours.metrics)
            return switch call {
            case .processMessage: try await follow(Sample.received(), engineHandler)
            case .resetConversation:
                try await follow(Sample.ended(position: 1), engineHandler)
            case .recordAuditEvents: try await follow(Sample.received(), audit)
            }
        }
    }

    /// Hands the event out, and again, as long as the decisions say so.
    private static func follow(
        _ event: RecordedEvent, _ handler: some EventHandler
    ) async throws -> Story {
        let clock = ManualClock()
        let executor = HandlerExecutor(
            entry: .handler(handler), time: Timekeeper(clock), wallClock: clock.wall,
            logger: .silent, metrics: MetricsRegistry())
        var random = SeededGenerator(seed: 7)
        var world = OneEvent(event)
        var story = Story()
        while story.end == nil {
            let due = world.next()
            let item = try #require(due)
            #expect(item.attempt == story.times.count + 1)
            story.times.append(world.now)
            let run = try await executor.run(event, attempt: item.attempt)
            var verdict = Verdict(run.failure == nil ? .ack : .deadLetter)
            if let error = run.error, error.mayBeRetried,
                let pause = policy.pause(
                    after: item.attempt, age: world.now, retryAfter: error.retryAfter,
                    random: &random)
            {
                verdict = Verdict(.retry, delay: pause)
            }
            world.settle(item, verdict)
            guard verdict.action == .retry else {
                story.end = verdict.action
                let more = world.next()
                #expect(more?.attempt == nil)
                return story
            }
            world.now += verdict.delay - .nanoseconds(1)
            let early = world.next()
            #expect(early?.attempt == nil, "not before its time")
            world.now += .nanoseconds(1)
        }
        return story
    }

    /// A consumer's decisions about one event, with a store that takes everything.
    private struct OneEvent {
        private var machine: ConsumerStateMachine
        private let event: RecordedEvent
        var now: Duration = .zero

        init(_ event: RecordedEvent) {
            self.event = event
            machine = ConsumerStateMachine(
                consumer: 1, node: "node",
                rules: ConsumerRules(
                    holdsKeys: false, maxAttempts: .max, ackDeadline: nil, isShared: true),
                limits: ConsumerStateMachine.Limits())
            machine.head = event.position
            for partition in 0..<Partition.count {
                machine.granted(
                    TakenPartition(
                        partition: partition, fence: 1, serial: 0, cursor: .zero, work: [],
                        lanes: []), [:], now: .zero,
                    wall: Timestamp(microseconds: 0))
            }
            machine.join(1, maxInFlight: 1)
        }

        mutating func settle(_ item: WorkItem, _ verdict: Verdict) {
            let token = AckToken(
                consumer: 1, partition: item.partition, fence: item.fence,
                position: item.position, ticket: item.ticket)
            let settlement = machine.settle(token, verdict, now: now)
            #expect(settlement == .pending)
        }

        /// What is handed out now.
        mutating func next() -> WorkItem? {
            machine.tick(now: now)
            while true {
                let read = machine.nextRead()
                if case .main(let after, let through) = read {
                    let events = after < event.position ? [event] : []
                    machine.took(
                        read,
                        EventPage(
                            events: events, scannedThrough: through, head: machine.head, epoch: 1),
                        now: now, wall: Timestamp(microseconds: 0))
                    continue
                }
                guard let batch = machine.takeBatch(now: now) else { return nil }
                _ = machine.answered(batch, BatchAnswer(), now: now)
                let items = machine.pull(
                    1, limit: 1, maxBytes: 1, now: now, wall: Timestamp(microseconds: 0))
                if let item = items.first { return item }
            }
        }
    }
}
