import EventProtos
import Events

/// What the log knows of a publish, as the Security Hub keeps it. The payload stays here.
enum AuditTrail {
    static func record(of event: RecordedEvent) -> SecurityhubV2.AuditEvent {
        let metadata = event.metadata
        let texts = [
            "type": event.type, "source": event.source, "correlation_id": metadata.correlationID,
            "causation_id": metadata.causationID, "request_id": metadata.requestID,
            "channel": metadata.channel,
        ].filter { !$0.value.isEmpty }
        var details = texts.mapValues { GoogleProtobuf.Value(kind: .stringValue($0)) }
        details["version"] = GoogleProtobuf.Value(kind: .numberValue(Double(event.version)))
        // Positions stay below 2⁵³.
        details["position"] = GoogleProtobuf.Value(
            kind: .numberValue(Double(event.position.rawValue)))
        return SecurityhubV2.AuditEvent(
            eventId: event.id.description,
            timestamp: GoogleProtobuf.Timestamp(
                seconds: event.recordedAt.seconds, nanos: event.recordedAt.nanoseconds),
            tenantId: event.tenant.rawValue, userId: metadata.userID,
            eventType: "events.publish",
            resource: event.subject.isEmpty ? "events/\(event.type)" : event.subject,
            action: "publish", result: .success, ipAddress: metadata.ipAddress,
            userAgent: metadata.userAgent, sessionId: metadata.sessionID,
            details: GoogleProtobuf.Struct(fields: details))
    }

    /// What became of each event of a request; nil where the answer leaves that open.
    ///
    /// The answer counts what it took and names what it did not: when the two don't add up, nothing
    /// is known of those that it does not name.
    static func verdicts(
        _ response: SecurityhubV2.RecordAuditEventsResponse, on events: [SecurityhubV2.AuditEvent]
    ) -> [Result<Void, NeighbourFailure>?] {
        var rejected: [String: SecurityhubV2.RejectedAuditEvent] = [:]
        for item in response.rejected { rejected[item.eventId] = item }
        let named = events.count { rejected[$0.eventId] != nil }
        let addsUp = Int(response.accepted) == events.count - named
        return events.map { event in
            guard let rejection = rejected[event.eventId] else {
                return addsUp ? .success(()) : nil
            }
            let status = McpCommonV2.Status(
                message: rejection.message, errorCode: rejection.errorCode)
            return NeighbourFailure(status, from: .securityHub, method: "RecordAuditEvents")
                .map(Result.failure)
        }
    }
}
