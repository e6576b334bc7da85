/// What a subscriber asks for.
public struct SubscriptionRequest: Sendable {
    /// Where it begins.
    public enum Start: Sendable, Hashable {
        /// With the earliest event that is still stored.
        case beginning
        /// With what is recorded from now on.
        case end
        /// Right after a position.
        case after(Position)
        /// With what was recorded at that moment or later.
        case since(Timestamp)
        /// Right after a cursor: the bytes as the client sent them.
        case cursor([UInt8])
    }

    public var filter: EventFilter
    public var start: Start
    /// A checkpoint comes at least so often.
    public var heartbeat: Duration
    /// Ends at the head instead of following it.
    public var untilCaughtUp: Bool
    /// Most events in one batch.
    public var maxBatchEvents: Int
    /// A batch ends with the event that reaches so many bytes.
    public var maxBatchBytes: Int

    public static let defaultHeartbeat: Duration = .seconds(15)
    /// What clients may ask for; outside of it the nearest is taken.
    public static let heartbeats: ClosedRange<Duration> = .milliseconds(200) ... .seconds(600)

    public init(
        filter: EventFilter, start: Start = .end, heartbeat: Duration = defaultHeartbeat,
        untilCaughtUp: Bool = false, maxBatchEvents: Int = 500, maxBatchBytes: Int = 1 << 20
    ) {
        self.filter = filter
        self.start = start
        self.heartbeat = heartbeat
        self.untilCaughtUp = untilCaughtUp
        self.maxBatchEvents = maxBatchEvents
        self.maxBatchBytes = maxBatchBytes
    }
}

/// What a subscription hands to its sink, one at a time, when the sink asks.
public enum SubscriptionItem: Sendable {
    /// Events that match, in order; at least one.
    case deliveries([RecordedEvent])
    /// All up to here was delivered or did not match.
    case checkpoint(Position)
    /// History turned into live; once.
    case caughtUp(Position)
}
