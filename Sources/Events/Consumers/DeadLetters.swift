/// What was given up on, of any consumer. Implemented over Postgres.
///
/// All calls throw ``EventsError`` or `CancellationError`.
public protocol DeadLetters: Sendable {
    /// Open dead letters, the oldest first.
    ///
    /// - Parameters:
    ///   - after: ``DeadLetter/number`` of the last one already seen.
    ///   - maxBytes: The page ends with the dead letter whose event, or whose attempts' messages, reach
    ///     so many with those before it.
    func list(
        _ selection: DeadLetterSelection, after: Int64, limit: Int, maxBytes: Int
    ) async throws -> DeadLetterPage

    /// Hands dead letters out again, those of the oldest events first, as there is room for them;
    /// their attempts are counted anew. Each stays open until it is acknowledged, or its handler is
    /// done with it. Many are taken a page at a time: when it throws, some may be tried again.
    ///
    /// - Parameter perSecond: So many become due; nil: all do at once.
    /// - Returns: How many.
    func retry(_ selection: DeadLetterSelection, perSecond: Int?) async throws -> Int

    /// Closes dead letters for good; later events of a held key go on. Many are closed a page at a
    /// time: when it throws, some may be closed.
    ///
    /// - Parameter reason: For the ledger.
    /// - Returns: How many.
    func discard(_ selection: DeadLetterSelection, reason: String) async throws -> Int
}

/// Which dead letters are meant; all parts must fit.
public struct DeadLetterSelection: Sendable, Hashable {
    /// Whose groups' (and, of handlers, whose events').
    public var tenant: TenantID
    /// `group/NAME`, `handler/NAME`; nil: any.
    public var consumer: String?
    /// Of the events; empty: any.
    public var ids: [EventID]
    /// What the events must match; nil: any.
    public var filter: EventFilter?

    public init(
        tenant: TenantID, consumer: String? = nil, ids: [EventID] = [],
        filter: EventFilter? = nil
    ) {
        self.tenant = tenant
        self.consumer = consumer
        self.ids = ids
        self.filter = filter
    }
}

/// Dead letters, and whether there are more beyond the last one.
public struct DeadLetterPage: Sendable {
    public let letters: [DeadLetter]
    public let hasMore: Bool

    public init(letters: [DeadLetter], hasMore: Bool) {
        self.letters = letters
        self.hasMore = hasMore
    }
}

/// One event that one consumer gave up on.
public struct DeadLetter: Sendable {
    /// Grows with time; for paging.
    public let number: Int64
    /// `group/NAME`, `handler/NAME`.
    public let consumer: String
    /// A copy: it outlives retention.
    public let event: RecordedEvent
    /// Newest first, as far as the ledger still knows.
    public let attempts: [DeliveryRecord]
    public let deadLetteredAt: Timestamp
    public let reason: String

    public init(
        number: Int64, consumer: String, event: RecordedEvent, attempts: [DeliveryRecord],
        deadLetteredAt: Timestamp, reason: String
    ) {
        self.number = number
        self.consumer = consumer
        self.event = event
        self.attempts = attempts
        self.deadLetteredAt = deadLetteredAt
        self.reason = reason
    }
}
