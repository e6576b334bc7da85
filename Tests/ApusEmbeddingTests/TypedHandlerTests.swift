import EventProtos
import Events
import Protobuf
import Testing

@testable import ApusEmbedding

@Suite struct TypedHandlerTests {
    private typealias LeadCreated = ApusEventsLeadV1.LeadCreated

    private static let context = HandlerContext(deliveryID: "handler/lead-created/7", attempt: 2)

    private func recorded(_ payload: some Message, type: String) -> RecordedEvent {
        let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)
        return RecordedEvent(
            position: Position(7), partition: 0, id: EventID(high: 1, low: 7), type: type,
            version: 1, kind: .domain, tenant: .default, source: "crm", subject: "lead/42",
            partitionKey: "lead/42", occurredAt: time, recordedAt: time, metadata: EventMetadata(),
            messageName: Swift.type(of: payload).descriptor.fullName, data: payload.encoded())
    }

    private func handler(in registry: HandlerRegistry) throws -> any EventHandler {
        guard case .handler(let handler)? = registry.entries.first else {
            throw HandlerError.permanent("no handler")
        }
        return handler
    }

    @Test func `a closure gets the payload as its type, and what the log says of the event`()
        async throws
    {
        var registry = HandlerRegistry()
        try registry.handle(LeadCreated.self) { event, context in
            #expect(event.payload.leadId == "42" && event.subject == "lead/42")
            #expect(event.position == Position(7) && context.attempt == 2)
        }
        let handler = try handler(in: registry)
        #expect(handler.name == "lead-created" && handler.types.map(\.text) == ["lead.created"])
        #expect(!handler.hasExternalSideEffects)
        let event = recorded(LeadCreated(leadId: "42", source: "crm"), type: "lead.created")
        #expect(try await handler.handle(event, context: Self.context) == .done)
    }

    @Test func `what a handler does not accept is declined, and what it throws counts`()
        async throws
    {
        var registry = HandlerRegistry()
        let isMeant: @Sendable (TypedEvent<LeadCreated>) -> Bool = { $0.payload.source != "spam" }
        try registry.handle(LeadCreated.self, accepts: isMeant) { event, _ in
            if event.payload.leadId.isEmpty { throw HandlerError.transient("not yet") }
        }
        let handler = try handler(in: registry)
        let spam = recorded(LeadCreated(leadId: "", source: "spam"), type: "lead.created")
        #expect(try await handler.handle(spam, context: Self.context) == .declined)
        await #expect(throws: HandlerError.transient("not yet")) {
            let nobody = recorded(LeadCreated(), type: "lead.created")
            return try await handler.handle(nobody, context: Self.context)
        }
    }

    @Test func `another message of the same type is declined`() async throws {
        var registry = HandlerRegistry()
        try registry.handle(LeadCreated.self) { _, _ in Issue.record("was run") }
        let other = recorded(ApusEventsLeadV1.LeadConverted(leadId: "42"), type: "lead.created")
        #expect(try await handler(in: registry).handle(other, context: Self.context) == .declined)
    }

    @Test func `names and options are as they are told`() throws {
        var registry = HandlerRegistry()
        let options = HandlerOptions(
            timeLimit: .seconds(3), concurrency: 2, retry: RetryPolicy(maxAttempts: 4),
            ordering: HandlerOrdering.none)
        try registry.handle(
            ApusEventsOrderV1.OrderStatusChanged.self, hasExternalSideEffects: true,
            options: options
        ) { _, _ in }
        let handler = try handler(in: registry)
        #expect(handler.name == "order-status-changed" && handler.hasExternalSideEffects)
        #expect(handler.timeLimit == .seconds(3) && handler.concurrency == 2)
        #expect(handler.retry.maxAttempts == 4 && handler.ordering == HandlerOrdering.none)
        try registry.handle(ApusEventsOrderV1.OrderStatusChanged.self, named: "other") { _, _ in }
        #expect(registry["other"] != nil)
    }

    @Test func `a name that is taken and a message of no event are refused`() throws {
        var registry = HandlerRegistry()
        try registry.handle(LeadCreated.self) { _, _ in }
        #expect(throws: EventsError.self) { try registry.handle(LeadCreated.self) { _, _ in } }
        #expect(throws: EventsError.self) {
            try registry.handle(ApusEventsCommonV1.Money.self) { _, _ in }
        }
        #expect(registry.entries.count == 1)
    }
}
