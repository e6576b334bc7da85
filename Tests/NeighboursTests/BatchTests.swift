import EventProtos
import Events
import GRPC
import Telemetry
import Testing

@testable import Neighbours

/// Messages of one tenant that are due while a call is under way.
@Suite struct BatchTests {
    /// Handles events while the first one's call is held back: the rest is due together then.
    ///
    /// - Returns: How each ended, in their order; nil is done.
    private static func together(
        _ fake: FakeEngine, first: RecordedEvent, _ events: [RecordedEvent]
    ) async throws -> [HandlerError?] {
        let gate = Gate()
        var held = fake
        held.process = { request in
            if request.metadata?.requestId == "handler/mcp-engine/\(first.position)" {
                await gate.pass()
                return FakeEngine.answer(request)
            }
            return try await fake.process(request)
        }
        return try await Neighbourhood.with(held) { neighbours in
            let handler = MCPEngineHandler(
                neighbours.engine, deadline: .seconds(60), metrics: neighbours.metrics
            ) { _, _ in }
            return try await withThrowingTaskGroup(of: (Int, HandlerError?).self) { group in
                group.addTask { (-1, try await Self.outcome(of: first, handler)) }
                await gate.untilEntered(1)
                for (index, event) in events.enumerated() {
                    let before = handler.waiting
                    group.addTask { (index, try await Self.outcome(of: event, handler)) }
                    while handler.waiting == before { await Task.yield() }
                }
                gate.open()
                var outcomes = [HandlerError?](repeating: nil, count: events.count)
                for try await (index, outcome) in group where index >= 0 {
                    outcomes[index] = outcome
                }
                return outcomes
            }
        }
    }

    private static func outcome(
        of event: RecordedEvent, _ handler: MCPEngineHandler
    ) async throws -> HandlerError? {
        try await HandlerError.thrown { _ = try await handler.handle(event) }
    }

    private static func ids(_ batch: FakeEngine.Batch) -> [String] {
        batch.messages.map(\.conversationId)
    }

    private static let several = (2...4).map {
        Sample.received(conversation: "\($0)", position: UInt64($0))
    }

    @Test func `several that are due go in one batch, each with its delivery's id`() async throws {
        let fake = FakeEngine()
        let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
        #expect(outcomes == [nil, nil, nil])
        let batch = try #require(fake.batches.all.first)
        #expect(fake.batches.all.count == 1 && fake.processed.all.count == 1)
        #expect(batch.tenantContext?.tenantId == "acme" && batch.parallelProcessing)
        #expect(
            batch.messages.map { $0.metadata?.requestId ?? "" }
                == (2...4).map { "handler/mcp-engine/\($0)" })
    }

    @Test func `two of one conversation never go in one batch`() async throws {
        let fake = FakeEngine()
        let events = [("x", 2), ("x", 3), ("y", 4)].map {
            Sample.received(conversation: $0.0, position: UInt64($0.1))
        }
        let outcomes = try await Self.together(
            fake, first: Sample.received(conversation: "x"), events)
        #expect(outcomes == [nil, nil, nil])
        #expect(fake.batches.all.map(Self.ids) == [["x", "y"]])
        #expect(fake.processed.all.map(\.metadata?.requestId).last == "handler/mcp-engine/3")
    }

    @Test func `tenants go each on their own`() async throws {
        let other = try #require(TenantID("other"))
        let gates = [Gate(), Gate()]
        var fake = FakeEngine()
        fake.process = { request in
            await gates[request.tenantContext?.tenantId == "acme" ? 0 : 1].pass()
            return FakeEngine.answer(request)
        }
        try await Neighbourhood.with(fake) { neighbours in
            let handler = MCPEngineHandler(
                neighbours.engine, deadline: .seconds(60), metrics: neighbours.metrics
            ) { _, _ in }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await handler.handle(Sample.received()) }
                await gates[0].untilEntered(1)
                gates[1].open()
                _ = try await handler.handle(Sample.received(position: 2, tenant: other))
                gates[0].open()
                try await group.waitForAll()
            }
        }
    }

    @Test func `answers in another order find their messages`() async throws {
        var fake = FakeEngine()
        fake.processBatch = { batch in
            FakeEngine.BatchResponse(
                status: FakeEngine.done,
                responses: batch.messages.reversed().map { request in
                    var answer = FakeEngine.answer(request)
                    if request.conversationId == "2" {
                        answer.status = McpCommonV2.Status(errorCode: "ABORTED")
                    }
                    return answer
                })
        }
        let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
        #expect(outcomes.map { $0?.kind } == [.transient, nil, nil])
    }

    @Test func `a batch that may go well later fails for all`() async throws {
        for code in [RPCStatusCode.unavailable, .unauthenticated] {
            var fake = FakeEngine()
            fake.processBatch = { _ in throw RPCError(code, "on purpose") }
            let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
            let kind: HandlerError.Kind = code == .unavailable ? .transient : .refused
            #expect(outcomes.map { $0?.kind } == [kind, kind, kind])
            #expect(fake.processed.all.count == 1)
        }
    }

    @Test func `a batch that fails for good is made message by message`() async throws {
        for code in [RPCStatusCode.invalidArgument, .unimplemented, .internalError] {
            var fake = FakeEngine()
            fake.processBatch = { _ in throw RPCError(code, "on purpose") }
            fake.process = { request in
                if request.conversationId == "3" { throw RPCError(.invalidArgument, "no text") }
                return FakeEngine.answer(request)
            }
            let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
            #expect(outcomes.map { $0?.kind } == [nil, .permanent, nil])
            #expect(fake.batches.all.count == 1 && fake.processed.all.count == 4)
        }
    }

    @Test func `what a batch leaves without an answer is asked for alone`() async throws {
        var fake = FakeEngine()
        fake.processBatch = { batch in
            FakeEngine.BatchResponse(
                status: FakeEngine.done, responses: [FakeEngine.answer(batch.messages[1])])
        }
        let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
        #expect(outcomes == [nil, nil, nil])
        #expect(Set(fake.processed.all.dropFirst().map(\.conversationId)) == ["2", "4"])
    }

    @Test func `a batch refused as a whole counts as its code`() async throws {
        var fake = FakeEngine()
        fake.processBatch = { _ in
            FakeEngine.BatchResponse(status: McpCommonV2.Status(errorCode: "RESOURCE_EXHAUSTED"))
        }
        let outcomes = try await Self.together(fake, first: Sample.received(), Self.several)
        #expect(outcomes.map { $0?.kind } == [.transient, .transient, .transient])
    }
}
