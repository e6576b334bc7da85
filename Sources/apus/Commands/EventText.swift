import EventProtos
import Protobuf

/// Events as people read them.
enum EventText {
    /// One line: position, moment, type, tenant, id, payload.
    static func line(_ event: ApusV1.Event) -> String {
        [
            "#\(event.position)", moment(event.recordedAt), event.type, event.tenantId, event.id,
            payload(event),
        ].joined(separator: "  ")
    }

    static func line(_ answer: ApusV1.GetEventResponse) -> String {
        guard let event = answer.event else { return "" }
        return line(event) + "  " + word(answer.status)
    }

    /// Everything that GetEvent tells, a field a line.
    static func block(_ answer: ApusV1.GetEventResponse) -> String {
        let event = answer.event ?? ApusV1.Event()
        var fields: [(String, String)] = [
            ("id", event.id), ("type", "\(event.type) version \(event.version)"),
            ("tenant", event.tenantId), ("position", "\(event.position)"),
            ("subject", event.subject.shown), ("source", event.source.shown),
            ("occurred", moment(event.occurredAt)), ("recorded", moment(event.recordedAt)),
            ("data", payload(event)), ("status", word(answer.status)),
        ]
        if let processed = answer.processedAt { fields.append(("processed", moment(processed))) }
        fields.append(("error", answer.errorMessage.shown))
        var lines = fields.filter { !$0.1.isEmpty }.map { name, value in
            name + String(repeating: " ", count: 11 - name.count) + value
        }
        for delivery in answer.deliveries {
            var line = "delivery   \(delivery.consumer) attempt \(delivery.attempt): "
            line += word(delivery.outcome)
            if let duration = delivery.duration { line += " in \(scalar(duration))" }
            line += " at \(moment(delivery.startedAt))"
            if !delivery.replayId.isEmpty { line += " (replay \(delivery.replayId))" }
            if !delivery.errorMessage.isEmpty { line += ": \(delivery.errorMessage.shown)" }
            lines.append(line)
        }
        if answer.deliveriesTruncated { lines.append("           … older deliveries left out") }
        return lines.joined(separator: "\n")
    }

    /// The payload as JSON; what cannot be read is said so.
    static func payload(_ event: ApusV1.Event) -> String {
        guard let data = event.data,
            let name = data.typeUrl.split(separator: "/").last,
            let descriptor = EventCatalogue.pool.message(String(name)),
            let json = try? ProtobufJSON.encode(
                data.value, as: descriptor, pool: EventCatalogue.pool)
        else { return event.data.map { "(\($0.value.count) bytes of \($0.typeUrl.shown))" } ?? "" }
        return json.shown
    }

    static func moment(_ timestamp: GoogleProtobuf.Timestamp?) -> String {
        timestamp.map(scalar) ?? ""
    }

    /// A replay and its targets, one a line.
    static func block(_ replay: ApusV1.ReplayResponse) -> String {
        var head = word(replay.state)
        if !replay.replayId.isEmpty { head = "replay \(replay.replayId): " + head }
        head += ", \(count(replay.matched, "event"))"
        if !replay.reason.isEmpty { head += " (\(replay.reason.shown))" }
        let targets = replay.targets.map { target in
            let result =
                target.skippedReason.isEmpty
                ? "\(target.done) done, \(target.failed) failed of \(target.events)"
                : "left out: \(target.skippedReason.shown)"
            return "  \(target.handler): \(result)"
        }
        return ([head] + targets).joined(separator: "\n")
    }

    static func word(_ status: ApusV1.EventStatus) -> String {
        switch status {
        case .pending: "pending"
        case .processing: "processing"
        case .processed: "processed"
        case .failed: "failed"
        case .unspecified, .unrecognized: "unknown"
        }
    }

    static func word(_ state: ApusV1.ReplayState) -> String {
        switch state {
        case .planned: "planned"
        case .running: "running"
        case .completed: "completed"
        case .cancelled: "cancelled"
        case .failed: "failed"
        case .unspecified, .unrecognized: "unknown"
        }
    }

    static func word(_ outcome: ApusV1.DeliveryOutcome) -> String {
        switch outcome {
        case .running: "running"
        case .succeeded: "succeeded"
        case .declined: "declined"
        case .failed: "failed"
        case .timedOut: "timed out"
        case .deadLettered: "dead-lettered"
        case .skipped: "skipped"
        case .discarded: "discarded"
        case .unspecified, .unrecognized: "unknown"
        }
    }

    /// `1 event`, `2 events`.
    static func count(_ number: some BinaryInteger, _ noun: String) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
    }

    static func word(_ kind: ApusV1.EventKind) -> String {
        switch kind {
        case .domain: "domain"
        case .system: "system"
        case .integration: "integration"
        case .unspecified, .unrecognized: "unknown"
        }
    }

    /// A message that is one string in JSON, without its quotes.
    static func scalar(_ message: some Message) -> String {
        guard let json = try? message.json() else { return "?" }
        return String(json.dropFirst().dropLast())
    }
}
