public import Telemetry

/// The newest events of the log, shared by all subscribers of a node.
///
/// What this node commits arrives without a read, when it is adjacent to what is held; what other
/// nodes commit is read once, on a hint or when the poll finds it, by the one reader in
/// ``run()``. Subscribers pull from here while they are near the head and never wait for one
/// another.
public final class EventTail: LogObserver, Sendable {
    public struct Configuration: Sendable {
        /// Most events held.
        public var maxEvents = 16_384
        /// Most bytes held, roughly.
        public var maxBytes = 32 << 20
        /// The log is asked so often when no hint comes.
        public var pollInterval: Duration = .seconds(1)
        /// Waits end this much late, at most.
        public var tick: Duration = .milliseconds(25)

        public init() {}
    }

    private struct State {
        var ring: TailRing
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var isDraining = false
    }

    private struct Waiter {
        let after: Position
        /// The wait ends when the tail follows another one.
        let epoch: UInt64?
        /// The reader waits for news, a subscriber for events.
        let isReader: Bool
        let deadline: Duration
        let continuation: CheckedContinuation<Void, Never>
    }

    private static let readerPageEvents = 1_000
    private static let readerPageBytes = 4 << 20
    /// Events that a subscriber's filter looks at in one pull.
    private static let scan = 2_048

    private let log: any EventLog
    private let configuration: Configuration
    private let logger: Logger
    private let state: Lock<State>
    let time: Timekeeper

    public init(
        log: any EventLog, configuration: Configuration = Configuration(),
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger = .silent
    ) {
        self.log = log
        self.configuration = configuration
        self.logger = logger
        time = Timekeeper(clock)
        let limits = TailRing.Limits(
            maxEvents: configuration.maxEvents, maxBytes: configuration.maxBytes)
        state = Lock(State(ring: TailRing(limits: limits)))
    }

    // MARK: What the log tells

    public func committed(_ events: [RecordedEvent]) {
        wake { state in _ = state.ring.append(events) }
    }

    public func grew(to head: Position) {
        wake { state in state.ring.heard(of: head) }
    }

    public func reached(_ bounds: LogBounds) { learn { $0.reached(bounds) } }

    /// - Returns: What the store's answer means for what the tail held until now.
    @discardableResult
    func learn(_ change: (inout TailRing) -> LogHistory.Verdict) -> LogHistory.Verdict {
        var verdict = LogHistory.Verdict.same
        var epoch: LogEpoch?
        wake { state in
            verdict = change(&state.ring)
            if verdict == .changed { epoch = state.ring.history.epochs.last }
        }
        if let epoch {
            logger.warning(
                "The log goes on in another history", [.position: .init(epoch.openedAfter)])
        }
        return verdict
    }

    /// Ends every wait, now and later: subscriptions tell their last position and end.
    public func drain() {
        wake { state in state.isDraining = true }
    }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// The newest position that this node has heard of.
    public var known: Position { state.withLock { $0.ring.known } }

    /// How many subscribers wait for events now.
    var waiting: Int { state.withLock { $0.waiters.values.count { !$0.isReader } } }

    /// Of the log that it follows; nil before anything is known.
    var epoch: UInt64? { state.withLock { $0.ring.history.epoch } }

    // MARK: What subscribers pull

    enum Reading {
        case page(EventPage)
        case behind
        case end(known: Position)
        /// The tail follows another epoch than the subscriber.
        case otherHistory
    }

    /// What matches right after a position, if the tail holds that stretch.
    ///
    /// - Parameter epoch: The reader's.
    func read(
        after position: Position, epoch: UInt64, filter: EventFilter, limit: Int
    ) -> Reading {
        let (reading, head, known, held) = state.withLock { state in
            (
                state.ring.read(after: position, scanning: Self.scan), state.ring.head,
                state.ring.known, state.ring.history.epoch
            )
        }
        guard held == epoch else { return .otherHistory }
        func page(_ events: [RecordedEvent], through: Position) -> Reading {
            .page(EventPage(events: events, scannedThrough: through, head: head, epoch: epoch))
        }
        switch reading {
        case .behind: return .behind
        case .end: return .end(known: known)
        case .events(let slices, let through):
            var events: [RecordedEvent] = []
            for slice in slices {
                for event in slice where filter.matches(event) {
                    events.append(event)
                    if events.count == limit { return page(events, through: event.position) }
                }
            }
            return page(events, through: through)
        }
    }

    /// Returns when something after the position is held, when the moment comes, when the tail
    /// drains or follows another epoch than this, or when the task is cancelled.
    func wait(after position: Position, epoch: UInt64, until deadline: Duration) async {
        await park(after: position, epoch: epoch, until: deadline, isReader: false)
    }

    private func park(
        after position: Position, epoch: UInt64?, until deadline: Duration, isReader: Bool
    ) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(
                    after: position, epoch: epoch, isReader: isReader, deadline: deadline,
                    continuation: continuation)
                let isDue = state.withLock { state in
                    if Task.isCancelled || Self.isDue(waiter, state) { return true }
                    state.waiters[id] = waiter
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }

    private static func isDue(_ waiter: Waiter, _ state: State) -> Bool {
        if waiter.isReader { return state.ring.known > state.ring.head }
        return state.isDraining || state.ring.head > waiter.after
            || state.ring.history.epoch != waiter.epoch
    }

    /// Changes the state, then resumes whoever waited for the change.
    private func wake(_ change: (inout State) -> Void) {
        let due = state.withLock { state in
            change(&state)
            return Self.take(from: &state) { Self.isDue($0, $1) }
        }
        for waiter in due { waiter.resume() }
    }

    private static func take(
        from state: inout State, where isDue: (Waiter, State) -> Bool
    ) -> [CheckedContinuation<Void, Never>] {
        guard !state.waiters.isEmpty else { return [] }
        var due: [CheckedContinuation<Void, Never>] = []
        for (id, waiter) in state.waiters where isDue(waiter, state) {
            due.append(waiter.continuation)
            state.waiters.removeValue(forKey: id)
        }
        return due
    }

    // MARK: Its own work

    /// Follows the log until it is cancelled.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.follow() }
            group.addTask { try await self.endWaits() }
            try await group.waitForAll()
        }
    }

    private func endWaits() async throws {
        while true {
            try await time.sleep(for: configuration.tick)
            let now = time.now()
            let due = state.withLock { state in
                Self.take(from: &state) { waiter, _ in waiter.deadline <= now }
            }
            for waiter in due { waiter.resume() }
        }
    }

    private func follow() async throws {
        var backOff = BackOff()
        while true {
            do {
                try await keepUp()
                backOff.reset()
                await park(
                    after: .zero, epoch: nil, until: time.now() + configuration.pollInterval,
                    isReader: true)
                try Task.checkCancellation()
            } catch let error as CancellationError {
                throw error
            } catch {
                logger.warning(
                    "The tail cannot read the log", [.error: .init(String(describing: error))])
                try await time.sleep(for: backOff.next())
            }
        }
    }

    /// Reads until nothing is known to be missing; asks the log once when nothing was.
    private func keepUp() async throws {
        if !state.withLock({ $0.ring.isFollowing }) { try await prime() }
        var mustAsk = true
        while true {
            let (upkeep, asked) = state.withLock { ($0.ring.upkeep(), $0.ring.known) }
            let after: Position
            switch upkeep {
            case .read(let position): after = position
            case .nothing where mustAsk: after = state.withLock { $0.ring.head }
            case .nothing: return
            }
            mustAsk = false
            do {
                let page = try await log.read(
                    after: after, filter: .everything, limit: Self.readerPageEvents,
                    maxBytes: Self.readerPageBytes)
                var isTaken = false
                wake { state in isTaken = state.ring.take(page, asked: asked) }
                if !isTaken { try await followHistory() }
            } catch let error as EventsError where error.code == .outOfRange {
                // Retention dropped what is missing here.
                try await prime()
            }
        }
    }

    private func prime() async throws {
        let bounds = try await log.bounds()
        learn { $0.prime(at: bounds) }
    }

    private func followHistory() async throws {
        let bounds = try await log.bounds()
        if learn({ $0.reached(bounds) }) == .stale { throw EventsError.otherHistory }
    }
}
