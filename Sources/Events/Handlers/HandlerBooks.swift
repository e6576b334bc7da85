/// The handlers' books: progress, dead letters, ledger, and the status that follows from them.
/// Implemented over Postgres.
///
/// Progress is a cursor and the set of positions below it that are not finished. An event applies
/// when it is above the cursor or in the set; both change in the transaction of what was done.
///
/// All calls throw ``EventsError`` (`.unavailable` when the store is away), ``BooksError`` where
/// it says so, or `CancellationError`.
public protocol HandlerBooks: Sendable {
    /// Makes the handlers known. One that is new counts for events after the head of now (all of
    /// them in an empty log); a pattern new to a known handler counts from its cursor.
    func register(_ handlers: [HandlerDescription]) async throws

    /// Makes results with an older fencing number be refused.
    ///
    /// - Returns: The handler's cursor.
    /// - Throws: ``BooksError/fenced``.
    func claim(_ handler: String, fence: Int64) async throws -> Position

    /// Records work, all or nothing: the cursor, what failed, ledger rows, projections' rows.
    /// Committing the same work again after its answer was lost changes nothing.
    ///
    /// - Throws: ``BooksError``.
    func commit(_ work: HandlerWork) async throws

    /// Every handler known to any node, by name.
    func progress() async throws -> [HandlerProgress]

    /// How far the handlers are with events; in the order of the events.
    func standings(of events: [RecordedEvent]) async throws -> [EventStanding]

    /// The newest deliveries of the event at a position.
    func deliveries(at position: Position, limit: Int) async throws -> DeliveryHistory

    /// Positions below a cursor that are unfinished, in the direction of the query.
    func unfinished(_ query: UnfinishedQuery) async throws -> [Position]
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

/// What a handler did since its last commit.
public struct HandlerWork: Sendable {
    public let handler: String
    /// As a consumer in the ledger.
    public var consumer: String { HandlerName.consumer(handler) }
    public let fence: Int64
    public let node: String
    /// The cursor before.
    public let from: Position
    /// The cursor after.
    public var through: Position
    /// In order of position, at `from` < position <= `through`.
    public var runs: [HandlerRun] = []

    public init(
        handler: String, fence: Int64, node: String, from: Position, through: Position,
        runs: [HandlerRun] = []
    ) {
        self.handler = handler
        self.fence = fence
        self.node = node
        self.from = from
        self.through = through
        self.runs = runs
    }
}

/// One handler in the books.
public struct HandlerProgress: Sendable, Hashable {
    public let name: String
    /// Patterns, each with the position after which it counts.
    public let patterns: [Pattern]
    public let hasExternalSideEffects: Bool
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
