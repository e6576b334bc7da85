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

/// As ``SubscriptionItem``, with the deliveries in their wire form.
public enum EncodedItem: Sendable {
    case deliveries(DeliveryBatch)
    case checkpoint(Position)
    case caughtUp(Position)
}

/// As ``EventPage``, in wire form.
public struct EncodedPage: Sendable {
    /// In order, each within the bytes of a message.
    public var batches: [DeliveryBatch]
    public var scannedThrough: Position
    public var head: Position
    public var epoch: UInt64

    public init(
        batches: [DeliveryBatch], scannedThrough: Position, head: Position, epoch: UInt64
    ) {
        self.batches = batches
        self.scannedThrough = scannedThrough
        self.head = head
        self.epoch = epoch
    }
}

/// Encodes events one after the other and cuts what comes of it into messages.
public struct PageEncoder {
    public private(set) var batches: [DeliveryBatch] = []
    private let encoder: any DeliveryEncoder
    private let epoch: UInt64
    private let maxBatchBytes: Int

    /// - Parameter maxBatchBytes: A message ends with the delivery that reaches so many bytes, or
    ///   ``DeliveryBatch/maxBytes``.
    public init(_ encoder: any DeliveryEncoder, epoch: UInt64, maxBatchBytes: Int) {
        self.encoder = encoder
        self.epoch = epoch
        self.maxBatchBytes = min(maxBatchBytes, DeliveryBatch.maxBytes)
    }

    public mutating func append(_ event: EventFields) {
        if batches.last.map({ $0.bytes.count >= maxBatchBytes }) ?? true {
            var batch = DeliveryBatch()
            // Batches of a page come out alike.
            if let last = batches.last { batch.bytes.reserveCapacity(last.bytes.count) }
            batches.append(batch)
        }
        let last = batches.count - 1
        encoder.append(event, epoch: epoch, to: &batches[last].bytes)
        batches[last].count += 1
    }
}
