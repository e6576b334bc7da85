/// Where replays are kept. Implemented over Postgres.
///
/// All calls throw ``EventsError`` (`.unavailable` when the store is away), ``BooksError`` where
/// it says so, or `CancellationError`.
public protocol ReplayStore: Sendable {
    /// Keeps a new replay, unless the tenant has one with this request id: then answers that.
    ///
    /// - Throws: ``EventsError``, also `.resourceExhausted` at ``Replays/maxOpenPerTenant``.
    func create(_ replay: NewReplay) async throws -> Replay

    func find(_ id: EventID, tenant: TenantID) async throws -> Replay?

    func find(requestID: String, tenant: TenantID) async throws -> Replay?

    /// Newest first.
    func list(tenant: TenantID, before: EventID?, limit: Int) async throws -> [Replay]

    /// Ends a replay that is not over; nil when the tenant has none with this id.
    func cancel(_ id: EventID, tenant: TenantID) async throws -> Replay?

    /// Replays that a node can take up: not over, no other node's, and with an open target whose
    /// handler it has and nobody paused, or with none that is open.
    ///
    /// - Parameters:
    ///   - handlers: Names of those that the node has.
    ///   - node: Holds the leases of what it runs; these are waiting too.
    ///   - limitPerTenant: So many of a tenant, the oldest, are looked at.
    /// - Returns: The oldest of each tenant first, then the second.
    func waiting(
        for handlers: [String], node: String, limitPerTenant: Int, limit: Int
    ) async throws -> [WaitingReplay]

    /// Open targets whose handler no live node has, of the oldest replays.
    func stranded(limit: Int) async throws -> [StrandedTarget]

    /// Starts or resumes a replay; results with an older fencing number are refused from now on.
    ///
    /// - Throws: ``BooksError``: `.fenced`, `.replayOver`.
    func claim(_ id: EventID, fence: Int64) async throws -> ReplayJob

    /// The next positions of a replay, in order.
    func positions(_ id: EventID, after: Position, limit: Int) async throws -> [Position]

    /// How often a replay has handed an event to a handler, as the ledger knows.
    func attempts(_ id: EventID, handler: String, at position: Position) async throws -> Int

    /// Records what one target did, all or nothing. What succeeded is finished in the handler's
    /// books, if it was not; a projection's rows change only then.
    ///
    /// - Returns: Whether the handler is paused.
    /// - Throws: ``BooksError``.
    func commit(_ work: ReplayWork) async throws -> Bool

    /// No target is open any more.
    func finish(_ id: EventID, fence: Int64) async throws
}

/// A replay to be kept.
public struct NewReplay: Sendable {
    public let id: EventID
    public let tenant: TenantID
    public let requestID: String
    public let reason: String
    public let maxEventsPerSecond: Int
    /// In order, each once.
    public let positions: [Position]
    public let targets: [Replay.Target]

    public init(
        id: EventID, tenant: TenantID, requestID: String, reason: String,
        maxEventsPerSecond: Int, positions: [Position], targets: [Replay.Target]
    ) {
        self.id = id
        self.tenant = tenant
        self.requestID = requestID
        self.reason = reason
        self.maxEventsPerSecond = maxEventsPerSecond
        self.positions = positions
        self.targets = targets
    }

    /// Whether a handler has anything to do.
    public var hasWork: Bool {
        targets.contains { $0.skippedReason.isEmpty && $0.events > 0 }
    }
}

/// A replay that a node can take up.
public struct WaitingReplay: Sendable, Hashable {
    public let id: EventID
    public let tenant: TenantID

    public init(id: EventID, tenant: TenantID) {
        self.id = id
        self.tenant = tenant
    }
}

/// A replay's handler that no live node has.
public struct StrandedTarget: Sendable, Hashable {
    public let replay: EventID
    public let handler: String

    public init(replay: EventID, handler: String) {
        self.replay = replay
        self.handler = handler
    }
}

/// What a node needs to run a replay.
public struct ReplayJob: Sendable {
    public struct Target: Sendable {
        public let handler: String
        /// All of the replay's positions up to here are done.
        public let position: Position
        public let isPaused: Bool

        public init(handler: String, position: Position, isPaused: Bool) {
            self.handler = handler
            self.position = position
            self.isPaused = isPaused
        }
    }

    public let id: EventID
    public let maxEventsPerSecond: Int
    /// Those that are open: not left out, and not done.
    public let targets: [Target]

    public init(id: EventID, maxEventsPerSecond: Int, targets: [Target]) {
        self.id = id
        self.maxEventsPerSecond = maxEventsPerSecond
        self.targets = targets
    }
}

/// What one target of a replay did since its last commit.
public struct ReplayWork: Sendable {
    public let replay: EventID
    public let fence: Int64
    public let handler: String
    public let node: String
    /// The target's cursor before.
    public let from: Position
    /// The target's cursor after.
    public var through: Position
    public var runs: [HandlerRun]
    /// Runs that failed and are made again.
    public var tries: [HandlerRun] = []
    /// Events that retention dropped in the meantime.
    public var missing: Int

    public init(
        replay: EventID, fence: Int64, handler: String, node: String, from: Position,
        through: Position, runs: [HandlerRun], missing: Int
    ) {
        self.replay = replay
        self.fence = fence
        self.handler = handler
        self.node = node
        self.from = from
        self.through = through
        self.runs = runs
        self.missing = missing
    }

    public var done: Int { runs.count { !$0.outcome.isFailure } }
    public var failed: Int { runs.count - done + missing }
}
