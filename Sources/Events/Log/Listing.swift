/// What ListEvents asks of the log; status is asked of the handlers' books.
public struct ListQuery: Sendable, Hashable {
    public var filter: EventFilter
    /// Inclusive, of `recordedAt`.
    public var since: Timestamp?
    /// Exclusive, of `recordedAt`.
    public var until: Timestamp?
    public var oldestFirst: Bool
    /// Continues a listing: exclusive, in the direction of the listing.
    public var beyond: Position?
    public var limit: Int
    /// The page ends with the event that reaches so many bytes.
    public var maxBytes: Int

    public init(
        filter: EventFilter, since: Timestamp? = nil, until: Timestamp? = nil,
        oldestFirst: Bool = false, beyond: Position? = nil, limit: Int = 50,
        maxBytes: Int = 2 << 20
    ) {
        self.filter = filter
        self.since = since
        self.until = until
        self.oldestFirst = oldestFirst
        self.beyond = beyond
        self.limit = limit
        self.maxBytes = maxBytes
    }
}

/// One page of a listing.
public struct Listing: Sendable {
    public let events: [RecordedEvent]
    /// Where the next page continues (`ListQuery.beyond`); nil when this was the last. A page may
    /// be short, even empty, and yet have a next one.
    public let next: Position?

    public init(events: [RecordedEvent], next: Position?) {
        self.events = events
        self.next = next
    }
}
