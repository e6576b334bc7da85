import EventProtos
import Events
import GRPC
import Protobuf
import Telemetry
import TestSupport
import Testing

@testable import Neighbours

/// From a user's message to the event that answers it.
@Suite struct MCPEngineHandlerTests {
    private static let wall: any WallClock = ManualClock().wall

    private static func handler(
        _ neighbours: Neighbourhood, _ published: Recorder<EventDraft> = Recorder()
    ) -> MCPEngineHandler {
        MCPEngineHandler(
            neighbours.engine, deadline: .seconds(600), wallClock: wall, metrics: neighbours.metrics
        ) {
            draft, tenant in
            #expect(tenant.rawValue == draft.tenant)
            published.add(draft)
        }
    }

    @Test func `the engine is asked in the tenant's name, with the delivery's id`() async throws {
        let fake = FakeEngine()
        let metadata = EventMetadata(
            correlationID: "c", sessionID: "s",
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        try await Neighbourhood.with(fake) { neighbours in
            let verdict = try await Self.handler(neighbours)
                .handle(Sample.received(metadata: metadata))
            #expect(verdict == .done)
        }
        let request = try #require(fake.processed.all.first)
        #expect(
            request.tenantContext
                == McpCommonV2.TenantContext(tenantId: "acme", userId: "ann", sessionId: "s"))
        #expect(request.conversationId == "1" && request.userId == "ann")
        #expect(request.channel == .whatsapp && request.sessionId == "s")
        #expect(request.content?.type == .text && request.content?.text == "Hello")
        #expect(request.metadata?.requestId == "handler/mcp-engine/1")
        #expect(request.metadata?.traceId == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(fake.calls.all.first?.metadata.first("traceparent") == metadata.traceparent)
    }

    @Test func `its answer is published as caused by the message`() async throws {
        let published = Recorder<EventDraft>()
        let event = Sample.received(
            metadata: EventMetadata(correlationID: "c", userID: "u", requestID: "r"))
        try await Neighbourhood.with { neighbours in
            _ = try await Self.handler(neighbours, published).handle(event)
        }
        let draft = try #require(published.all.first)
        #expect(published.all.count == 1)
        #expect(draft.tenant == "acme" && draft.source == "mcp-engine")
        #expect(draft.subject == event.subject && draft.partitionKey == event.partitionKey)
        #expect(draft.metadata.causationID == event.id.description)
        #expect(draft.metadata.correlationID == "c" && draft.metadata.userID == "u")
        #expect(draft.typeURL == "type.googleapis.com/apus.events.chat.v1.MessageSent")
        let sent = try ApusEventsChatV1.MessageSent(decoding: draft.data)
        #expect(sent.messageId == draft.id && sent.conversationId == "1")
        #expect(sent.recipient == "ann" && sent.channel == "whatsapp")
        #expect(sent.messageType == "text" && sent.deliveryStatus == .pending)
        #expect(sent.content?.fields["text"]?.kind == .stringValue("You said: Hello"))
    }

    @Test func `the answer has the same id whenever the message is handled`() async throws {
        let published = Recorder<EventDraft>()
        try await Neighbourhood.with { neighbours in
            let handler = Self.handler(neighbours, published)
            _ = try await handler.handle(Sample.received())
            _ = try await handler.handle(Sample.received(), attempt: 2)
            _ = try await handler.handle(Sample.received(position: 2))
        }
        let ids = published.all.map(\.id)
        #expect(ids.count == 3 && ids[0] == ids[1] && ids[0] != ids[2])
        #expect(!ids.contains(Sample.received().id.description))
    }

    @Test func `ids of answers are as different as those of their events`() {
        let bits = [0] + (0..<64).map { UInt64(1) << $0 }
        let ids = Set(bits.map { EventID(high: 7, low: $0) })
        let answers = Set(ids.map(ConversationEvents.answerID))
        #expect(answers.count == ids.count && answers.isDisjoint(with: ids))
        // Still of RFC 9562's variant, where the event's was.
        let id = EventID(high: 0x7000, low: 0x8000_0000_0000_0001)
        #expect(ConversationEvents.answerID(to: id).low >> 62 == 0b10)
        #expect(ConversationEvents.answerID(to: id).high == id.high)
    }

    @Test func `an answer that an earlier run published stays`() async throws {
        try await Neighbourhood.with { neighbours in
            let handler = MCPEngineHandler(
                neighbours.engine, deadline: .seconds(600), metrics: neighbours.metrics
            ) { _, _ in
                throw EventsError(.alreadyExists, "known with other content")
            }
            let verdict = try await handler.handle(Sample.received())
            #expect(verdict == .done)
        }
    }

    @Test(arguments: [
        (EventsError.Code.unavailable, HandlerError.Kind.transient),
        (.resourceExhausted, .transient), (.invalidArgument, .permanent), (.broken, .permanent),
    ])
    func `an answer that the log cannot take now is published later`(
        code: EventsError.Code, kind: HandlerError.Kind
    ) async throws {
        try await Neighbourhood.with { neighbours in
            let handler = MCPEngineHandler(
                neighbours.engine, deadline: .seconds(600), metrics: neighbours.metrics
            ) { _, _ in
                throw EventsError(code, "no", details: [.retry(after: .seconds(3))])
            }
            let error = try await HandlerError.thrown {
                _ = try await handler.handle(Sample.received())
            }
            #expect(error?.kind == kind)
            #expect(error?.retryAfter == (kind == .transient ? .seconds(3) : nil))
            #expect(error?.target == nil, "the engine is not to blame")
        }
    }

    @Test func `an engine that has nothing to say leaves nothing to publish`() async throws {
        var fake = FakeEngine()
        fake.process = { _ in FakeEngine.Response(status: FakeEngine.done) }
        let published = Recorder<EventDraft>()
        try await Neighbourhood.with(fake) { neighbours in
            let verdict = try await Self.handler(neighbours, published).handle(Sample.received())
            #expect(verdict == .done)
        }
        #expect(published.all.isEmpty)
    }

    @Test func `a conversation that ended is forgotten`() async throws {
        let fake = FakeEngine()
        try await Neighbourhood.with(fake) { neighbours in
            let verdict = try await Self.handler(neighbours).handle(Sample.ended())
            #expect(verdict == .done)
        }
        let request = try #require(fake.resets.all.first)
        #expect(request.conversationId == "1" && request.reason == "escalated")
        #expect(request.tenantContext?.tenantId == "acme")
        #expect(request.metadata?.requestId == "handler/mcp-engine/9")
    }

    @Test func `a conversation that the engine does not know is forgotten already`() async throws {
        var byCode = FakeEngine()
        byCode.reset = { throw RPCError(.notFound, "no such conversation") }
        var byStatus = FakeEngine()
        byStatus.reset = {
            McpEngineV2.ResetConversationResponse(
                status: McpCommonV2.Status(errorCode: "NOT_FOUND"))
        }
        for fake in [byCode, byStatus] {
            try await Neighbourhood.with(fake) { neighbours in
                let verdict = try await Self.handler(neighbours).handle(Sample.ended())
                #expect(verdict == .done)
            }
        }
    }

    @Test func `events of other types are declined, and what does not decode fails`() async throws {
        try await Neighbourhood.with { neighbours in
            let handler = Self.handler(neighbours)
            #expect(handler.hasExternalSideEffects && handler.consumer == "handler/mcp-engine")
            #expect(
                handler.types.map(\.text) == ["chat.message.received", "chat.conversation.ended"])
            let other = Sample.event(ApusEventsChatV1.MessageSent(), type: "chat.message.sent")
            let verdict = try await handler.handle(other)
            #expect(verdict == .declined)
        }
    }

    /// Codes × ProcessMessage and ResetConversation, by the call's status and by the answer's.
    @Test(arguments: [
        RPCStatusCode.cancelled, .unknown, .invalidArgument, .deadlineExceeded, .notFound,
        .alreadyExists, .permissionDenied, .resourceExhausted, .failedPrecondition, .aborted,
        .outOfRange, .unimplemented, .internalError, .unavailable, .dataLoss, .unauthenticated,
    ])
    func `every code has its consequence in every call`(code: RPCStatusCode) async throws {
        let transient: Set<RPCStatusCode> = [
            .unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled,
        ]
        let wanted: HandlerError.Kind =
            code == .unauthenticated
            ? .refused : transient.contains(code) ? .transient : .permanent
        var byCode = FakeEngine()
        byCode.process = { _ in throw RPCError(code, "on purpose") }
        byCode.reset = { throw RPCError(code, "on purpose") }
        var byStatus = FakeEngine()
        let status = McpCommonV2.Status(errorCode: code.description)
        byStatus.process = { _ in FakeEngine.Response(status: status) }
        byStatus.reset = { McpEngineV2.ResetConversationResponse(status: status) }
        for fake in [byCode, byStatus] {
            let published = Recorder<EventDraft>()
            try await Neighbourhood.with(fake) { neighbours in
                let handler = Self.handler(neighbours, published)
                let processing = try await HandlerError.thrown {
                    _ = try await handler.handle(Sample.received())
                }
                #expect(processing?.kind == wanted)
                let reset = try await HandlerError.thrown {
                    _ = try await handler.handle(Sample.ended())
                }
                #expect(reset?.kind == (code == .notFound ? nil : wanted))
            }
            #expect(published.all.isEmpty)
            #expect(fake.processed.all.count == 1 && fake.resets.all.count == 1, "no retries here")
        }
    }
}
