import EventProtos
import Events
import Protobuf
import Telemetry

/// Events as the log hands them out.
enum Sample {
    static let acme: TenantID = {
        guard let acme = TenantID("acme") else { preconditionFailure("a tenant's name") }
        return acme
    }()

    static func event(
        _ payload: some Message, type: String, position: UInt64 = 1, tenant: TenantID = acme,
        subject: String = "", metadata: EventMetadata = EventMetadata()
    ) -> RecordedEvent {
        let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 5_000)
        return RecordedEvent(
            position: Position(position), partition: 0,
            id: EventID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0000 | position),
            type: type, version: 1, kind: .domain, tenant: tenant, source: "web",
            subject: subject, partitionKey: subject.isEmpty ? tenant.rawValue : subject,
            occurredAt: time, recordedAt: time, metadata: metadata,
            messageName: Swift.type(of: payload).descriptor.fullName, data: payload.encoded())
    }

    static func received(
        _ text: String = "Hello", conversation: String = "1", position: UInt64 = 1,
        tenant: TenantID = acme, metadata: EventMetadata = EventMetadata()
    ) -> RecordedEvent {
        let content = GoogleProtobuf.Struct(
            fields: ["text": GoogleProtobuf.Value(kind: .stringValue(text))])
        return event(
            ApusEventsChatV1.MessageReceived(
                messageId: "m\(position)", conversationId: conversation, userId: "ann",
                channel: "whatsapp", messageType: "text", content: content),
            type: "chat.message.received", position: position, tenant: tenant,
            subject: "conversation/\(conversation)", metadata: metadata)
    }

    static func ended(conversation: String = "1", position: UInt64 = 9) -> RecordedEvent {
        event(
            ApusEventsChatV1.ConversationEnded(
                conversationId: conversation, userId: "ann", channel: "web",
                endReason: .escalated),
            type: "chat.conversation.ended", position: position,
            subject: "conversation/\(conversation)")
    }
}

extension EventHandler {
    /// Handles the event as its first delivery.
    func handle(_ event: RecordedEvent, attempt: Int = 1) async throws -> HandlerVerdict {
        try await handle(
            event,
            context: HandlerContext(deliveryID: "\(consumer)/\(event.position)", attempt: attempt))
    }
}

extension HandlerError {
    /// What the body throws; anything but this is a failure of the test.
    static func thrown(_ body: () async throws -> Void) async throws -> HandlerError? {
        do {
            try await body()
            return nil
        } catch let error as HandlerError {
            return error
        }
    }
}
