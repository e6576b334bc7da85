/// What a caller wants handed to handlers again.
public struct ReplayRequest: Sendable {
    public enum Selection: Sendable {
        case ids([EventID])
        case range(ReplayRange)
    }

    public var selection: Selection
    /// Names; empty: every handler that wants one of the events.
    public var handlers: [String]
    /// Only answers the plan.
    public var isDryRun: Bool
    public var allowSideEffects: Bool
    /// Of each handler; zero: as fast as it goes.
    public var maxEventsPerSecond: Int
    public var reason: String
    /// The same again gets the same replay; empty: always a new one.
    public var requestID: String

    public init(
        selection: Selection, handlers: [String] = [], isDryRun: Bool = false,
        allowSideEffects: Bool = false, maxEventsPerSecond: Int = 0, reason: String = "",
        requestID: String = ""
    ) {
        self.selection = selection
        self.handlers = handlers
        self.isDryRun = isDryRun
        self.allowSideEffects = allowSideEffects
        self.maxEventsPerSecond = maxEventsPerSecond
        self.reason = reason
        self.requestID = requestID
    }
}

/// A stretch of the log, and what of it.
public struct ReplayRange: Sendable {
    public var filter: EventFilter
    /// Inclusive; zero: from the earliest.
    public var from: Position
    /// Inclusive; zero: the head of now.
    public var to: Position
    /// Inclusive, of `recordedAt`.
    public var since: Timestamp?
    /// Exclusive, of `recordedAt`.
    public var until: Timestamp?
    /// Empty: any.
    public var statuses: Set<EventStatus>
    /// The oldest so many; zero: all.
    public var limit: Int

    public init(
        filter: EventFilter, from: Position = .zero, to: Position = .zero,
        since: Timestamp? = nil, until: Timestamp? = nil, statuses: Set<EventStatus> = [],
        limit: Int = 0
    ) {
        self.filter = filter
        self.from = from
        self.to = to
        self.since = since
        self.until = until
        self.statuses = statuses
        self.limit = limit
    }
}
