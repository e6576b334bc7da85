public import Events

/// Tells people what happened: renders an event by the first template that fits, and hands the
/// message to the sink.
///
/// A repeat has the same id; a sink that fails for a moment is tried again by the handler's policy.
public struct NotificationHandler: EventHandler {
    public static let handlerName = "notification"

    public let name = Self.handlerName
    public let types: [TypePattern]
    public var hasExternalSideEffects: Bool { true }
    public var timeLimit: Duration { sink.timeLimit }

    private let templates: [NotificationTemplate]
    private let sink: any NotificationSink

    /// - Parameter templates: At least one; the first that fits counts.
    public init(templates: [NotificationTemplate], sink: any NotificationSink) {
        var types: [TypePattern] = []
        for template in templates where !types.contains(template.types) {
            types.append(template.types)
        }
        self.types = types
        self.templates = templates
        self.sink = sink
    }

    /// Tells nobody: there to be named, not to be run.
    static var silent: NotificationHandler {
        NotificationHandler(templates: NotificationTemplate.standard, sink: NoSink())
    }

    private struct NoSink: NotificationSink {
        let name = "none"
        func send(_ notification: EventNotification) async throws {}
    }

    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        let status = try OrderEvent(event)?.status.flatMap(OrderAnalytics.text)
        let fitting = templates.first {
            $0.types.matches(event.type) && ($0.status == nil || $0.status == status)
        }
        guard let template = fitting, let fields = try PayloadFields(event) else {
            return .declined
        }
        try await sink.send(
            EventNotification(
                id: context.deliveryID, tenant: event.tenant.rawValue,
                eventID: event.id.description, eventType: event.type, template: template.name,
                to: template.to.text(fields), title: template.title.text(fields),
                text: template.text.text(fields), html: template.text.text(fields, as: .html)))
        return .done
    }
}
