import EventProtos
import Events
import Protobuf
import Telemetry
import Testing

@testable import Handlers

@Suite struct OwnEventTests {
    private let published = Lock<[EventDraft]>([])

    private func handler(failing error: EventsError? = nil) -> LeadAutopilot {
        LeadAutopilot { [published] draft in
            if let error { throw error }
            published.withLock { $0.append(draft) }
            return PublishOutcome(eventID: draft.id, outcome: .stored(Position(1)))
        }
    }

    private static let context = HandlerContext(deliveryID: "d", attempt: 1)

    @Test func `a new lead sets the autopilot on it, caused by the lead's event`() async throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42", source: "crm")
        let event = RecordedEvent.test(lead)
        try await #expect(handler().handle(event, context: Self.context) == .done)
        let draft = try #require(published.withLock { $0.first })
        #expect(draft.tenant == "acme" && draft.subject == "lead/42")
        #expect(draft.metadata.causationID == event.id.description)
        #expect(draft.typeURL.hasSuffix("/apus.events.autopilot.v1.AutopilotTriggered"))
        try #expect(
            ApusEventsAutopilotV1.AutopilotTriggered(decoding: draft.data)
                == .init(leadId: "42", trigger: "lead.created", source: "crm"))
    }

    @Test func `a second run publishes the very same event, another lead another`() async throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42")
        for position in [7, 7, 8] as [UInt64] {
            _ = try await handler().handle(
                .test(lead, position: position), context: Self.context)
        }
        let drafts = published.withLock { $0 }
        #expect(drafts[0] == drafts[1] && drafts[0].id != drafts[2].id)
        #expect(EventID(drafts[0].id) != nil)
        // The version and the variant of RFC 9562 §5.8.
        #expect(drafts[0].id.dropFirst(14).first == "8")
        #expect("89ab".contains(drafts[0].id.dropFirst(19).first ?? " "))
        let other = RecordedEvent.test(lead, tenant: "beta")
        _ = try await handler().handle(other, context: Self.context)
        #expect(published.withLock { $0.last?.id } != drafts[0].id)
    }

    @Test func `a log that is away for a moment is tried again, one that refuses is not`()
        async throws
    {
        let event = RecordedEvent.test(ApusEventsLeadV1.LeadCreated(leadId: "42"))
        let away = EventsError.unavailable(.storeUnavailable, "away", retryAfter: .zero)
        let transient = await #expect(throws: HandlerError.self) {
            try await handler(failing: away).handle(event, context: Self.context)
        }
        #expect(transient?.kind == .transient)
        await #expect(throws: EventsError.self) {
            try await handler(failing: .invalid("x", "is wrong"))
                .handle(event, context: Self.context)
        }
    }

    @Test func `a lead without an id sets nothing on anybody`() async throws {
        let event = RecordedEvent.test(ApusEventsLeadV1.LeadCreated())
        try await #expect(handler().handle(event, context: Self.context) == .declined)
        #expect(published.withLock { $0.isEmpty })
    }

    @Test func `the audit trail's end is read back from the event that tells it`() throws {
        let head = AuditHead(position: Position(9), rows: 8, hash: [UInt8](repeating: 5, count: 32))
        let draft = AuditEvents.draft(head)
        #expect(draft == AuditEvents.draft(head))
        let payload = try ApusEventsSystemV1.AuditHead(decoding: draft.data)
        func event(tenant: String, source: String) -> RecordedEvent {
            let event = RecordedEvent.test(payload, tenant: tenant)
            return RecordedEvent(
                position: event.position, partition: 0, id: event.id, type: event.type, version: 1,
                kind: .system, tenant: event.tenant, source: source, subject: "",
                partitionKey: "", occurredAt: event.occurredAt, recordedAt: event.recordedAt,
                metadata: event.metadata, messageName: event.messageName, data: event.data)
        }
        #expect(AuditEvents.head(of: event(tenant: draft.tenant, source: draft.source)) == head)
        #expect(AuditEvents.head(of: event(tenant: "acme", source: draft.source)) == nil)
        #expect(AuditEvents.head(of: event(tenant: draft.tenant, source: "crm")) == nil)
    }
}
