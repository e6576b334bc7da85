import EventProtos
public import Events

/// How quickly messages left, by channel and hour: a histogram, from which the view
/// `apus.message_slo` tells how much of each channel's objective is used up.
public struct MessageSLO: Projection {
    public let name = "message-slo"
    public let types: [TypePattern]
    public let tables = ["message_latency"]

    static let sent = ProjectionChange.Name(rawValue: "project_message_sent")

    /// Milliseconds, upper ends of the histogram's buckets; `apus.message_objectives` takes no
    /// others. Above them is one more, which ends at the longest latency that an event can tell.
    static let bounds: [UInt32] = [
        50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, .max,
    ]

    public init() {
        types = [TypePattern("message.sent")].compactMap(\.self)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        guard let message = try event.payload(ApusEventsMessageV1.MessageSent.self) else {
            return nil
        }
        let bound = Self.bounds.first { message.latencyMs <= $0 } ?? .max
        let change = ProjectionChange(
            Self.sent,
            [
                .text(event.tenant.rawValue), .label(message.channel), .time(event.occurredAt),
                .integer(Int64(bound)), .integer(Int64(message.latencyMs)), .bool(message.success),
            ])
        return [change]
    }
}
