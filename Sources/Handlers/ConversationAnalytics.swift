import EventProtos
public import Events

/// Conversations as they stand, what happened in conversations by day and channel, and how good the
/// answers were by day and measure.
public struct ConversationAnalytics: Projection {
    public let name = "conversation-analytics"
    public let types: [TypePattern]
    public let tables = ["conversation_days", "conversation_quality", "conversations"]

    static let change = ProjectionChange.Name(rawValue: "project_conversation")

    /// Quality scores of one event that are counted, the first by name.
    private static let maxScores = 100

    public init() {
        types = [
            "chat.conversation.started", "chat.conversation.ended",
            "chat.conversation.context_updated", "chat.message.received", "chat.message.sent",
            "chat.message.delivered", "analytics.conversation",
        ].compactMap(TypePattern.init)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        typealias Chat = ApusEventsChatV1
        if let told = try event.payload(Chat.ConversationStarted.self) {
            return try one(
                event, told.conversationId, "started", told.startedAt, channel: told.channel,
                user: told.userId)
        }
        if let told = try event.payload(Chat.ConversationEnded.self) {
            return try one(
                event, told.conversationId, "ended", told.endedAt, channel: told.channel,
                user: told.userId, detail: Self.text(told.endReason),
                seconds: told.durationSeconds, score: Measure(told.satisfactionScore))
        }
        if let told = try event.payload(Chat.ConversationContextUpdated.self) {
            return try one(
                event, told.conversationId, "context_updated", told.updatedAt, user: told.userId)
        }
        if let told = try event.payload(Chat.MessageReceived.self) {
            return try one(
                event, told.conversationId, "received", told.timestamp, channel: told.channel,
                user: told.userId)
        }
        if let told = try event.payload(Chat.MessageSent.self) {
            let kind = told.deliveryStatus == .failed ? "failed" : "sent"
            return try one(
                event, told.conversationId, kind, told.timestamp, channel: told.channel)
        }
        if let told = try event.payload(Chat.MessageDelivered.self) {
            return try one(
                event, told.conversationId, "delivered", told.deliveryTimestamp,
                channel: told.channel)
        }
        if let told = try event.payload(ApusEventsAnalyticsV1.ConversationAnalytics.self) {
            return try scores(event, told)
        }
        return nil
    }

    /// Nil for a conversation without a name.
    private func one(
        _ event: RecordedEvent, _ conversation: String, _ kind: String,
        _ at: GoogleProtobuf.Timestamp?, channel: String = "", user: String = "",
        detail: String = "", seconds: UInt32 = 0, score: Measure = .none
    ) throws -> [ProjectionChange]? {
        guard !conversation.isEmpty else { return nil }
        let change = ProjectionChange(
            Self.change,
            [
                .text(event.tenant.rawValue), try .key(conversation, "conversation_id"),
                .position(event), .text(kind), .time(at, of: event), .optionalLabel(channel),
                .optionalLabel(user), .text(detail), .integer(Int64(seconds)), score.value,
                score.isUnusable,
            ])
        return [change]
    }

    private func scores(
        _ event: RecordedEvent, _ told: ApusEventsAnalyticsV1.ConversationAnalytics
    ) throws -> [ProjectionChange]? {
        let scores = told.qualityScores.sorted { $0.key < $1.key }.prefix(Self.maxScores)
        guard !scores.isEmpty else { return nil }
        return try scores.map { measure, score in
            let score = Measure(score)
            return ProjectionChange(
                Self.change,
                [
                    .text(event.tenant.rawValue), try .key(told.conversationId, "conversation_id"),
                    .position(event), .text("score"), .time(told.aggregationTimestamp, of: event),
                    .null, .null, .label(measure), .integer(0), score.value, score.isUnusable,
                ])
        }
    }

    private static func text(_ reason: ApusEventsChatV1.ConversationEndReason) -> String {
        switch reason {
        case .completed: "completed"
        case .abandoned: "abandoned"
        case .escalated: "escalated"
        case .timeout: "timeout"
        case .unspecified, .unrecognized: "unknown"
        }
    }
}
