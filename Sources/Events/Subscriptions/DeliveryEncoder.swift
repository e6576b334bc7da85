/// Writes events the way they travel to subscribers. The rules carry the bytes and know nothing of
/// what is in them.
public protocol DeliveryEncoder: Sendable {
    /// Appends the delivery of one event, with the cursor that goes on behind it. Deliveries stand
    /// one after the other: those of many events are the concatenation of each one's.
    ///
    /// - Parameter epoch: Of the log, for the cursor.
    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8])
}

/// Deliveries in their wire form: one message's worth.
public struct DeliveryBatch: Sendable, Hashable {
    public internal(set) var bytes: [UInt8]
    /// How many; at least one.
    public internal(set) var count: Int

    /// A message ends with the delivery that reaches so many bytes. With that one it is seldom more
    /// than one call may have queued: then a subscriber on a crowded connection waits, while a
    /// larger message may find no room and end its call.
    public static let maxBytes = 48 << 10

    public init(bytes: [UInt8] = [], count: Int = 0) {
        self.bytes = bytes
        self.count = count
    }
}

/// As ``SubscriptionItem``, with the deliveries in their wire form, or on the way there.
public enum EncodedItem: Sendable {
    case deliveries(DeliveryBatch)
    /// A page that ``Subscription/takePage()`` hands over, so that one alone has it, and its room.
    case history
    case checkpoint(Position)
    case caughtUp(Position)
}

/// What a stretch of the tail comes to, in wire form.
struct EncodedStretch {
    /// Nil where the filter lets nothing through.
    let batch: DeliveryBatch?
    /// As in ``EventPage``.
    let scannedThrough: Position
    let head: Position
}
