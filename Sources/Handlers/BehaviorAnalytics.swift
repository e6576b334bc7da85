import EventProtos
public import Events

/// What users did on which page, their sessions, and how many of them were there: by day.
public struct BehaviorAnalytics: Projection {
    public let name = "behavior-analytics"
    public let types: [TypePattern]
    public let tables = ["active_users", "behavior_days", "session_days"]

    static let change = ProjectionChange.Name(rawValue: "project_behavior")

    public init() {
        types = [
            "analytics.user_behavior", "chat.user.session_started", "chat.user.session_ended",
        ].compactMap(TypePattern.init)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        if let told = try event.payload(ApusEventsAnalyticsV1.UserBehavior.self) {
            return [
                try change(
                    event, "behavior", told.recordedAt, label: told.behaviorType,
                    page: told.page, element: told.element, user: event.metadata.userID,
                    value: Self.measure(told.value))
            ]
        }
        if let told = try event.payload(ApusEventsChatV1.UserSessionStarted.self) {
            return [
                try change(
                    event, "session_started", told.startedAt, label: told.channel,
                    user: told.userId)
            ]
        }
        if let told = try event.payload(ApusEventsChatV1.UserSessionEnded.self) {
            return [
                try change(
                    event, "session_ended", told.endedAt, label: told.channel, user: told.userId,
                    value: Measure(Double(told.durationSeconds)))
            ]
        }
        return nil
    }

    private func change(
        _ event: RecordedEvent, _ kind: String, _ at: GoogleProtobuf.Timestamp?, label: String,
        page: String = "", element: String = "", user: String, value: Measure = .none
    ) throws -> ProjectionChange {
        ProjectionChange(
            Self.change,
            [
                .text(event.tenant.rawValue), .text(kind), .time(at, of: event), .label(label),
                .label(page), .label(element), try .key(user, "user_id"), value.value,
                value.isUnusable,
            ])
    }

    /// Numbers and yes or no are summed; a text or a structure is not.
    private static func measure(_ value: GoogleProtobuf.Value?) -> Measure {
        switch value?.kind {
        case .numberValue(let number): Measure(number)
        case .boolValue(let isSo): Measure(isSo ? 1 : 0)
        default: .none
        }
    }
}
