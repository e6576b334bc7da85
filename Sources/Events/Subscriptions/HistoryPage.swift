/// A page of history as the log holds it, brought into wire form a message at a time: whoever sends it
/// can have the next page read meanwhile.
public struct HistoryPage: Sendable {
    /// All up to here was looked at, as in ``EventPage``.
    public let scannedThrough: Position
    /// The newest position at the moment of reading.
    public let head: Position
    /// The log's epoch at that moment.
    public let epoch: UInt64

    /// A message ends with the delivery that reaches so many bytes.
    public var maxMessageBytes = DeliveryBatch.maxBytes

    private let rows: any HistoryRows
    /// Taken for as long as anybody holds the page.
    private var share: HistoryRoom.Share?
    private var next = 0
    /// Messages of a page come out alike.
    private var lastBytes = 0

    public init(
        _ rows: some HistoryRows, scannedThrough: Position, head: Position, epoch: UInt64
    ) {
        self.rows = rows
        self.scannedThrough = scannedThrough
        self.head = head
        self.epoch = epoch
    }

    /// How many events it has.
    public var count: Int { rows.count }

    /// Whether it has room of its own, so that the next one may be read while this one is on its way.
    public var mayReadAhead: Bool { share != nil }

    mutating func takeRoom(_ share: HistoryRoom.Share?) {
        share?.settle(rows.footprint)
        self.share = share
    }

    /// The next message; nil when nothing is left.
    ///
    /// - Throws: ``EventsError`` when the rows are not what they must be.
    public mutating func nextBatch(
        encodedBy encoder: some DeliveryEncoder
    ) throws(EventsError) -> DeliveryBatch? {
        guard next < rows.count else { return nil }
        var batch = DeliveryBatch()
        batch.bytes.reserveCapacity(lastBytes)
        try rows.forEach(from: next) { event in
            encoder.append(event, epoch: epoch, to: &batch.bytes)
            batch.count += 1
            return batch.bytes.count < maxMessageBytes
        }
        precondition(batch.count > 0, "rows without an event")
        next += batch.count
        lastBytes = batch.bytes.count
        return batch
    }
}

/// Events in the form in which a log reads them.
public protocol HistoryRows: Sendable {
    var count: Int { get }

    /// Bytes that they take.
    var footprint: Int { get }

    /// Hands out the fields of one event after the other.
    ///
    /// - Parameters:
    ///   - first: The number of the event to begin with, from 0.
    ///   - body: Whether it wants another one.
    func forEach(from first: Int, _ body: (EventFields) -> Bool) throws(EventsError)
}

/// Events that are objects already.
struct RecordedRows: HistoryRows {
    let events: [RecordedEvent]

    var count: Int { events.count }
    var footprint: Int { events.reduce(0) { $0 + $1.footprint } }

    func forEach(from first: Int, _ body: (EventFields) -> Bool) {
        for event in events[first...] {
            guard body(EventFields(event)) else { return }
        }
    }
}
