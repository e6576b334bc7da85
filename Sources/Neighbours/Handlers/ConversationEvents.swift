import EventProtos
import Events
import Protobuf
import Telemetry

/// Between the events of conversations and what the engine is asked and answers.
enum ConversationEvents {
    typealias Received = ApusEventsChatV1.MessageReceived
    typealias Sent = ApusEventsChatV1.MessageSent
    typealias Ended = ApusEventsChatV1.ConversationEnded

    /// - Parameter deliveryID: The same for each attempt, so that the engine can tell a repeat.
    static func request(
        _ message: Received, of event: RecordedEvent, deliveryID: String, now: UnixTime
    ) -> McpEngineV2.ProcessMessageRequest {
        McpEngineV2.ProcessMessageRequest(
            tenantContext: tenant(of: event, user: message.userId),
            conversationId: message.conversationId, userId: message.userId,
            channel: EngineContent.channel(message.channel),
            content: EngineContent.message(type: message.messageType, message.content),
            sessionId: event.metadata.sessionID,
            processingHints: message.processingResult.map {
                McpEngineV2.ProcessingHints(customHints: $0)
            },
            metadata: metadata(of: event, deliveryID: deliveryID, now: now))
    }

    static func request(
        _ conversation: Ended, of event: RecordedEvent, deliveryID: String, now: UnixTime
    ) -> McpEngineV2.ResetConversationRequest {
        let reason =
            switch conversation.endReason {
            case .unspecified, .unrecognized: "ended"
            case .completed: "completed"
            case .abandoned: "abandoned"
            case .escalated: "escalated"
            case .timeout: "timeout"
            }
        return McpEngineV2.ResetConversationRequest(
            tenantContext: tenant(of: event, user: conversation.userId),
            conversationId: conversation.conversationId, reason: reason,
            metadata: metadata(of: event, deliveryID: deliveryID, now: now))
    }

    /// What the engine answered as an event that the first one caused; nil when it has nothing to
    /// tell the user.
    static func answer(
        _ response: McpEngineV2.ProcessMessageResponse, to message: Received,
        of event: RecordedEvent, now: UnixTime
    ) -> EventDraft? {
        guard let content = EngineContent.content(of: response.response) else { return nil }
        let id = answerID(to: event.id)
        let answer = Sent(
            messageId: id.description, conversationId: message.conversationId,
            recipient: message.userId, channel: message.channel,
            messageType: EngineContent.name(of: response.response?.type ?? .unknown),
            content: content, deliveryStatus: .pending,
            timestamp: GoogleProtobuf.Timestamp(unixMicroseconds: now.microseconds))
        var metadata = EventMetadata(
            correlationID: event.metadata.correlationID, causationID: event.id.description,
            userID: event.metadata.userID, sessionID: event.metadata.sessionID,
            requestID: event.metadata.requestID, channel: event.metadata.channel,
            traceparent: event.metadata.traceparent, tracestate: event.metadata.tracestate)
        if !response.abVariant.isEmpty { metadata.extra["ab_variant"] = response.abVariant }
        return EventDraft(
            id: id.description, tenant: event.tenant.rawValue, source: Neighbour.mcpEngine.name,
            subject: event.subject, partitionKey: event.partitionKey, metadata: metadata,
            typeURL: GoogleProtobuf.AnyMessage.urlPrefix + Sent.descriptor.fullName,
            data: answer.encoded())
    }

    /// Of the answer to an event: the same whenever it is asked for, another one for each event, and
    /// as near in an index as the event's own (the half that tells the time is the same).
    static func answerID(to id: EventID) -> EventID {
        EventID(high: id.high, low: id.low ^ 0x2C5F_19A3_7E84_B06D)
    }

    private static func tenant(
        of event: RecordedEvent, user: String
    ) -> McpCommonV2.TenantContext {
        McpCommonV2.TenantContext(
            tenantId: event.tenant.rawValue, userId: user, sessionId: event.metadata.sessionID)
    }

    private static func metadata(
        of event: RecordedEvent, deliveryID: String, now: UnixTime
    ) -> McpCommonV2.Metadata {
        // version "-" trace id "-" …, as in W3C Trace Context §3.2.
        let trace = event.metadata.traceparent.split(separator: "-")
        let about = [
            "event_id": event.id.description, "correlation_id": event.metadata.correlationID,
        ]
        return McpCommonV2.Metadata(
            requestId: deliveryID,
            timestamp: GoogleProtobuf.Timestamp(unixMicroseconds: now.microseconds),
            traceId: trace.count == 4 ? String(trace[1]) : "",
            customMetadata: GoogleProtobuf.Struct(
                fields: about.mapValues { GoogleProtobuf.Value(kind: .stringValue($0)) }))
    }
}
