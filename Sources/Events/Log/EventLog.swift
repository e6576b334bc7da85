/// The log: every event in one total order. Implemented over Postgres.
///
/// All calls throw ``EventsError`` (`.unavailable` with a named state when the store is away) or
/// `CancellationError`.
public protocol EventLog: Sendable {
    /// Why events cannot be stored now, as the last append found; nil when they can.
    var trouble: EventsError? { get }

    /// Gets the log ready for events whose tenants or types it has not met. An append of introduced
    /// events takes its place in the order at once.
    func introduce(_ events: [NewEvent]) async throws

    /// Stores the events of one publish; returns once they are durable. Requests are stored in the
    /// order of the calls, and the new events of one request get adjacent positions.
    ///
    /// - Returns: One outcome an event, in their order.
    /// - Throws: ``EventsError``: `.alreadyExists` when an id is taken by other content (unless
    ///   `allowPartial`), `.failedPrecondition`, `.resourceExhausted` when too much waits.
    func append(_ request: AppendRequest) async throws -> [AppendOutcome]

    /// Reads forward from just behind a position.
    ///
    /// - Parameters:
    ///   - after: The last position already seen; below ``LogBounds/earliest`` - 1 throws
    ///     `.outOfRange`, since events are missing then.
    ///   - through: Reads no further than this.
    ///   - limit: Most events in the page.
    ///   - maxBytes: The page ends with the event that reaches so many bytes, of payload, texts and
    ///     what else belongs to an event.
    func read(
        after: Position, through: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage

    /// As ``read(after:through:filter:limit:maxBytes:)`` up to the head, for who needs the events in
    /// another form.
    func readHistory(
        after: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> HistoryPage

    /// Earliest position, head and epochs, asked of the store, never of a node's memory.
    func bounds() async throws -> LogBounds

    /// The position to read after to see all that was recorded at `since` or later.
    func position(since: Timestamp) async throws -> Position

    func lookUp(_ id: EventID, tenant: TenantID) async throws -> EventLookUp

    /// As ``lookUp(_:tenant:)``, without the events; one answer an id, in their order.
    func places(of ids: [EventID], tenant: TenantID) async throws -> [EventPlace]

    /// The events at the first of these positions, in their order.
    ///
    /// - Parameter maxBytes: Ends with the event that reaches so many bytes of payload.
    func events(at positions: [Position], maxBytes: Int) async throws -> EventsAtPositions

    /// One page of a listing, newest first or oldest first.
    func list(_ query: ListQuery) async throws -> Listing
}

extension EventLog {
    /// Reads up to the head.
    public func read(
        after: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage {
        try await read(
            after: after, through: .max, filter: filter, limit: limit, maxBytes: maxBytes)
    }

    public func readHistory(
        after: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> HistoryPage {
        let page = try await read(after: after, filter: filter, limit: limit, maxBytes: maxBytes)
        return HistoryPage(
            RecordedRows(events: page.events), scannedThrough: page.scannedThrough,
            head: page.head, epoch: page.epoch)
    }

    /// One event by id.
    ///
    /// - Throws: ``EventsError``: `.notFound`, with reason EVENT_EXPIRED when it was dropped.
    public func event(id: EventID, tenant: TenantID) async throws -> RecordedEvent {
        switch try await lookUp(id, tenant: tenant) {
        case .found(let event): return event
        case .expired: throw EventsError.eventExpired(id)
        case .unknown: throw EventsError.eventNotFound(id)
        }
    }
}

/// What an id stands for.
public enum EventLookUp: Sendable {
    case found(RecordedEvent)
    /// It was in the log, at this position; retention dropped it.
    case expired(Position)
    case unknown
}

/// Where the event of an id is.
public enum EventPlace: Sendable, Hashable {
    case stored(Position, type: String)
    /// It was in the log, at this position; retention dropped it.
    case expired(Position)
    case unknown
}

/// What is at some positions.
public struct EventsAtPositions: Sendable {
    /// Those that are still stored.
    public let events: [RecordedEvent]
    /// So many of the positions were looked at, from the first on.
    public let count: Int

    public init(events: [RecordedEvent], count: Int) {
        self.events = events
        self.count = count
    }
}

/// A stretch of the log.
public struct EventPage: Sendable {
    /// What the filter let through, in order.
    public let events: [RecordedEvent]
    /// All up to here was looked at: continue after it. Beyond the last event when the filter
    /// dropped what follows.
    public let scannedThrough: Position
    /// The newest position at the moment of reading. `scannedThrough == head`: nothing is left.
    public let head: Position
    /// The log's epoch at that moment, see ``LogEpoch``.
    public let epoch: UInt64

    public init(events: [RecordedEvent], scannedThrough: Position, head: Position, epoch: UInt64) {
        self.events = events
        self.scannedThrough = scannedThrough
        self.head = head
        self.epoch = epoch
    }
}
