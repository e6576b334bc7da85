public import Events
public import IO
public import Postgres
public import Telemetry

/// The log in Postgres. One object a node; `run()` keeps its connections.
public final class PostgresEventLog: EventLog, Sendable {
    public struct Configuration: Sendable {
        /// Most events and bytes that wait to be stored; more is refused. One account gets four
        /// fifths of it at most.
        public var maxWaitingEvents = 50_000
        public var maxWaitingBytes = 64 << 20
        /// Most events stored by one statement.
        public var maxBatchEvents = 1_000
        /// Batches under way at one time.
        public var maxBatchesInFlight = 2
        /// How long publishes without a deadline wait for a store that went away before they are
        /// told so; the others wait until their deadline.
        public var patience: Duration = .seconds(5)
        /// How long a full disk, or another trouble that leaves the connection, is what Health says
        /// without an append that finds it so: who is kept away by that sends none.
        public var troubleTime: Duration = .seconds(30)
        /// How long Postgres may take to store one batch. Then it is rolled back, and those of its
        /// publishes go again that have time left.
        public var batchTimeout: Duration = .seconds(15)
        /// Other nodes' hints are listened to.
        public var usesHints = true
        /// How much of the log is kept; all of it without limits.
        public var retention = RetentionPolicy()
        /// Positions in a partition that is made from now on; nil: what suits ``retention``.
        public var partitionEvents: Int64?
        /// Positions: a stretch shorter than this is read whole rather than tenant by tenant.
        var shortStretch: UInt64 = 2_000

        public init() {}
    }

    let pool: PostgresPool
    let directory: Directory
    let observers: LogObservers
    /// Before history that subscribers read. The pool's connections serve one after the other: a crowd
    /// of slow reads would hold up leases, books and the tail, until others take this node for dead.
    let subscribersReads: Turnstile
    let shortStretch: UInt64
    let logger: Logger
    private let committer: GroupCommitter
    private let hints: Hints?
    private let sizing: PartitionSizing
    private let retention: Retention?
    private let replayPruning: ReplayPruning
    /// Where the committer and the hints have their connections.
    private let loop: IOLoop
    private let clock: any Clock<Duration>

    /// - Parameters:
    ///   - pool: For reads; run by its owner.
    ///   - clock: Nil: one that sleeps by the timers of the log's loop.
    public init(
        _ database: PostgresConfiguration, pool: PostgresPool, loops: IOLoopGroup,
        configuration: Configuration = Configuration(),
        metrics: MetricsRegistry = MetricsRegistry(), logger: Logger,
        clock: (any Clock<Duration>)? = nil,
        wall: any WallClock = SystemWallClock()
    ) {
        self.pool = pool
        self.logger = logger
        let loop = loops.next()
        self.loop = loop
        let clock = clock ?? LoopClock(loop)
        self.clock = clock
        directory = Directory(pool: pool)
        subscribersReads = Turnstile(room: 2 * pool.size)
        shortStretch = configuration.shortStretch
        let relay = HintRelay()
        let observers = LogObservers { relay.tell() }
        self.observers = observers

        var writing = database
        writing.applicationName = "apus log"
        writing.statementTimeout = configuration.batchTimeout
        // The plan of an append is the same whatever its parameters: never plan it again.
        writing.sessionSettings["plan_cache_mode"] = "force_generic_plan"
        writing.maxInFlight = max(writing.maxInFlight, configuration.maxBatchesInFlight + 1)
        let session = writing
        var committing = GroupCommitter.Configuration()
        committing.queue.maxWaitingEvents = configuration.maxWaitingEvents
        committing.queue.maxWaitingBytes = configuration.maxWaitingBytes
        committing.queue.maxBatchEvents = configuration.maxBatchEvents
        committing.queue.maxInFlight = configuration.maxBatchesInFlight
        committing.patience = configuration.patience
        committing.troubleTime = configuration.troubleTime
        committer = GroupCommitter(
            on: loop, configuration: committing, observers: observers, directory: directory,
            gauges: WaitingGauges(metrics), logger: logger, clock: clock
        ) { onClose in
            try await PostgresConnection.connect(
                session, on: loop, logger: logger, onClose: onClose)
        }
        let policy = configuration.retention
        sizing = PartitionSizing(
            policy: policy, chosen: configuration.partitionEvents, pool: pool, wall: wall)
        replayPruning = ReplayPruning(policy: policy, pool: pool, wall: wall, logger: logger)
        retention =
            policy.isEmpty
            ? nil
            : Retention(
                policy, sizing: sizing, pool: pool, metrics: metrics, logger: logger, clock: clock,
                wall: wall
            ) { lockTimeout in
                var keeping = database
                keeping.applicationName = "apus retention"
                keeping.lockTimeout = lockTimeout
                return try await PostgresConnection.connect(keeping, on: loop, logger: logger)
            }
        guard configuration.usesHints else {
            hints = nil
            return
        }
        var listening = database
        listening.applicationName = Hints.sessionName
        let ear = listening
        let hints = Hints(on: loop, observers: observers, logger: logger, clock: clock) {
            try await PostgresConnection.connect(ear, on: loop, logger: logger)
        }
        relay.set(hints)
        self.hints = hints
    }

    /// From now on `observer` is told what this node stores, and hears of.
    public func add(_ observer: any LogObserver) {
        observers.add(observer)
    }

    /// Whether events can be stored, and if not, why.
    public var state: StoreState { observers.store }

    public var trouble: EventsError? {
        switch state {
        case .available, .connecting: nil
        case .unavailable, .diskFull, .fsyncFailed, .readOnly: .away(state)
        }
    }

    /// Opens a new epoch if this is another history than the log's last. Before that, a new log has
    /// none, and cannot be read.
    ///
    /// - Throws: ``EventsError``.
    public func open() async throws {
        do {
            _ = try await pool.execute(SQLText.openEpoch, observers.history.parameters)
            let bounds = try await bounds()
            directory.follow(bounds.epoch.id)
            observers.reached(bounds)
            try await sizing.apply()
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// Keeps the connections and the tables, until the task is cancelled. All of it on one loop: a
    /// sleep leaves its actor for where its task is at home.
    public func run() async throws {
        let upkeep = Upkeep(
            pool: pool, observers: observers, replays: replayPruning, logger: logger, clock: clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: loop) { try await self.committer.run() }
            group.addTask(executorPreference: loop) { try await upkeep.run() }
            if let hints {
                group.addTask(executorPreference: loop) { try await hints.run() }
            }
            if var retention {
                group.addTask(executorPreference: loop) { try await retention.run() }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    public func introduce(_ events: [NewEvent]) async throws {
        do {
            _ = try await directory.numbers(for: events)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func append(_ request: AppendRequest) async throws -> [AppendOutcome] {
        precondition(!request.events.isEmpty, "an append without events")
        precondition(!request.allowPartial || request.precondition == nil, "checked by Publisher")
        do {
            var insists = false
            while true {
                let numbers = try await directory.numbers(for: request.events)
                let append = try PreparedAppend(request, numbers)
                if let outcomes = try await committer.append(append, insists: insists) {
                    return outcomes
                }
                insists = true
            }
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }
}

/// Lets the observers, which the committer needs, reach the hints, which need the observers.
private final class HintRelay: Sendable {
    /// The log owns them; held here they would keep each other alive.
    private struct State {
        weak var hints: Hints?
    }

    private let state = Lock(State())

    func set(_ hints: Hints) { state.withLock { $0.hints = hints } }

    func tell() { state.withLock { $0.hints }?.tell() }
}
