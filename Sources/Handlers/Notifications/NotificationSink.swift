public import Telemetry

/// One message to people.
public struct EventNotification: Sendable, Hashable {
    /// The same for each attempt to send it: a receiver tells a repeat by it.
    public let id: String
    public let tenant: String
    public let eventID: String
    public let eventType: String
    /// The template's name.
    public let template: String
    public let to: String
    public let title: String
    public let text: String
    /// The text once more, as HTML in which no value is markup.
    public let html: String

    /// As a JSON object.
    public var json: String {
        let fields = [
            ("id", id), ("tenant", tenant), ("event_id", eventID), ("event_type", eventType),
            ("template", template), ("to", to), ("title", title), ("text", text), ("html", html),
        ]
        var json = ""
        for (name, value) in fields {
            json += json.isEmpty ? "{" : ","
            json.append(jsonString: name)
            json += ":"
            json.append(jsonString: value)
        }
        return json + "}"
    }

    /// As a JSON object of at most so many bytes; of the words as much as there is room for.
    func json(atMost limit: Int) -> String {
        var json = json
        var kept = limit / 4
        while json.utf8.count > limit, kept > 0 {
            let shorter = EventNotification(
                id: id, tenant: tenant, eventID: eventID, eventType: eventType,
                template: template, to: to.cut(toBytes: kept), title: title.cut(toBytes: kept),
                text: text.cut(toBytes: kept), html: html.cut(toBytes: kept))
            json = shorter.json
            kept /= 2
        }
        return json
    }
}

/// Where notifications go.
public protocol NotificationSink: Sendable {
    /// For metrics and logs.
    var name: String { get }
    /// A message that is not taken by then is given up for this time.
    var timeLimit: Duration { get }

    /// Returns once the message is taken.
    ///
    /// - Throws: `HandlerError` when it is known what the failure means.
    func send(_ notification: EventNotification) async throws
}

extension NotificationSink {
    public var timeLimit: Duration { .seconds(30) }
}

/// Writes notifications to the log, for trying out and for operators who watch it. A message may name
/// people: whoever chooses this sink sends them there.
public struct LogSink: NotificationSink {
    public let name = "log"
    private let logger: Logger

    public init(logger: Logger) { self.logger = logger }

    public func send(_ notification: EventNotification) async throws {
        logger.notice(
            "Notification",
            [
                .delivery: .init(notification.id), .tenant: .init(notification.tenant),
                .eventType: .init(notification.eventType), .eventID: .init(notification.eventID),
                // The log would cut it off in the middle.
                .notification: .init(notification.json(atMost: LogFormat.maxValueBytes)),
            ])
    }
}
