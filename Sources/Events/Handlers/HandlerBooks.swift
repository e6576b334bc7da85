/// The handlers' books, as far as they are not those of every consumer (``ConsumerBooks``): who
/// there is, and the status that follows from their work. Implemented over Postgres.
///
/// All calls throw ``EventsError`` (`.unavailable` when the store is away), ``BooksError`` where
/// it says so, or `CancellationError`.
public protocol HandlerBooks: Sendable {
    /// Makes the handlers known. One that is new counts for events after the head of now (all of
    /// them in an empty log); a pattern new to a known handler counts from where that is.
    ///
    /// - Returns: What the books have of each, in no order.
    func register(_ handlers: [HandlerDescription]) async throws -> [StoredHandler]

    /// What the books have of a handler; nil when there is none.
    func find(_ name: String) async throws -> StoredHandler?

    /// Pauses or resumes a handler on all nodes; false when there is none.
    func pause(_ handler: String, _ isPaused: Bool) async throws -> Bool

    /// Empties a projection's rows and progress, all or nothing: it begins anew where its oldest
    /// pattern counts from.
    func rebuild(_ handler: String, tables: [String]) async throws -> Rebuild

    /// How handlers get on, by name.
    ///
    /// - Parameter name: Only this one; nil: every handler known to any node.
    func standings(of name: String?) async throws -> [HandlerStanding]

    /// Every handler known to any node, by name.
    func progress() async throws -> [HandlerProgress]

    /// How far the handlers are with events; in the order of the events.
    func standings(of events: [RecordedEvent]) async throws -> [EventStanding]

    /// Which of the events a handler has still to be handed for the first time, or is at.
    func unreached(_ handler: String, _ events: [RecordedEvent]) async throws -> Set<Position>

    /// The newest deliveries of the event at a position.
    func deliveries(at position: Position, limit: Int) async throws -> DeliveryHistory

    /// Positions that were taken up and are unfinished, in the direction of the query.
    func unfinished(_ query: UnfinishedQuery) async throws -> [Position]
}

/// What became of a rebuild. Raw values are those of `apus.rebuild_handler()`.
public enum Rebuild: Int, Sendable, Hashable {
    case begun = 1
    case unknown = 2
    /// Retention has dropped what it needs.
    case expired = 3
}

/// Why the books refused a result.
public enum BooksError: Error, Sendable, Hashable {
    /// Somebody else runs this by now.
    case fenced
    /// The change of a projection breaks a rule of its table.
    case changeRefused
    /// The replay was cancelled or is over.
    case replayOver
}

/// A handler as the books know it.
public struct StoredHandler: Sendable, Hashable {
    public let name: String
    /// Its number as a consumer.
    public let consumer: Int32
    /// Grows with each change.
    public let version: Int64
    public let isPaused: Bool

    public init(name: String, consumer: Int32, version: Int64, isPaused: Bool) {
        self.name = name
        self.consumer = consumer
        self.version = version
        self.isPaused = isPaused
    }
}

/// One handler in the books.
public struct HandlerProgress: Sendable, Hashable {
    public let name: String
    /// Patterns, each with the position after which it counts.
    public let patterns: [Pattern]
    public let hasExternalSideEffects: Bool
    /// All up to here was taken up: it is finished, or a lookup of what is unfinished finds it.
    public let position: Position

    public struct Pattern: Sendable, Hashable {
        public let pattern: TypePattern
        public let countsAfter: Position

        public init(pattern: TypePattern, countsAfter: Position) {
            self.pattern = pattern
            self.countsAfter = countsAfter
        }
    }

    public init(
        name: String, patterns: [Pattern], hasExternalSideEffects: Bool, position: Position
    ) {
        self.name = name
        self.patterns = patterns
        self.hasExternalSideEffects = hasExternalSideEffects
        self.position = position
    }

    public func wants(_ type: String) -> Bool {
        patterns.contains { $0.pattern.matches(type) }
    }
}

/// Which unfinished positions to look up.
public struct UnfinishedQuery: Sendable {
    /// Only those with an open dead letter.
    public var onlyFailed: Bool
    public var tenants: EventFilter.Tenants
    /// Exclusive on both sides.
    public var after: Position
    public var before: Position
    public var oldestFirst: Bool
    public var limit: Int

    public init(
        onlyFailed: Bool, tenants: EventFilter.Tenants, after: Position, before: Position,
        oldestFirst: Bool, limit: Int
    ) {
        self.onlyFailed = onlyFailed
        self.tenants = tenants
        self.after = after
        self.before = before
        self.oldestFirst = oldestFirst
        self.limit = limit
    }
}
