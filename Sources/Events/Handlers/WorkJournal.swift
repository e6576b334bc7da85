/// Collects what a handler did until it is worth a commit.
///
/// A quick handler commits once a page; a slow one after each event, so that its progress is
/// seen and little is repeated after a crash. Events that come one by one, each right behind the
/// last, are gathered: a transaction for each would take more of the machine than its publish. One
/// that comes alone waits for nothing.
struct WorkJournal {
    struct Limits: Sendable {
        var maxRuns = 256
        var maxAge: Duration = .milliseconds(50)
        /// From the beginning of one commit's work to that of the next.
        var gathering: Duration = .milliseconds(3)
    }

    private let limits: Limits
    private let handler: String
    private let fence: Int64
    private let node: String
    /// The cursor as it is stored.
    private(set) var stored: Position
    private var through: Position
    private var runs: [HandlerRun] = []
    private var openedAt: Duration = .zero

    init(
        handler: String, fence: Int64, node: String, position: Position,
        limits: Limits = Limits()
    ) {
        self.handler = handler
        self.fence = fence
        self.node = node
        self.limits = limits
        stored = position
        through = position
    }

    /// The handler is about to be given an event.
    mutating func begin(now: Duration) {
        if runs.isEmpty { openedAt = now }
    }

    /// - Returns: Whether to commit now.
    mutating func add(_ run: HandlerRun, now: Duration) -> Bool {
        runs.append(run)
        through = run.event.position
        return runs.count >= limits.maxRuns || now - openedAt >= limits.maxAge
    }

    /// When to look for more after a page; nil: at once, since behind a page of this size there is
    /// more, and its transaction is shared by many as it is.
    func nextLook(after page: Int) -> Duration? {
        page < limits.maxRuns ? openedAt + limits.gathering : nil
    }

    /// Nothing up to there is left to do.
    mutating func passed(_ position: Position) {
        through = max(through, position)
    }

    /// What to commit; nil when nothing changed.
    var pending: HandlerWork? {
        guard through > stored else { return nil }
        return HandlerWork(
            handler: handler, fence: fence, node: node, from: stored, through: through, runs: runs)
    }

    mutating func committed() {
        stored = through
        runs.removeAll(keepingCapacity: true)
    }
}
