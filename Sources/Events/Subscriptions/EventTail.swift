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
        /// Most bytes held, roughly: of the events, and of their wire form.
        public var maxBytes = 32 << 20
        /// The log is asked so often when no hint comes.
        public var pollInterval: Duration = .seconds(1)
        /// Waits end this much late, at most.
        public var tick: Duration = .milliseconds(25)

        public init() {}
    }

    typealias Waiters = TailWaiters<CheckedContinuation<Position, Never>>

    struct State {
        var ring: TailRing
        var waiters = Waiters()
        var nextWaiter: UInt64 = 0
        var isDraining = false
        /// The one that follows the log, while it waits for news.
        var reader: CheckedContinuation<Void, Never>?
        var readerDeadline: Duration = .zero

        var readerIsDue: Bool { ring.known > ring.head }
    }

    /// What a change of the state asks for, once the lock is free.
    struct Wakes: Sendable {
        var due: [Waiters.Due] = []
        var reader: CheckedContinuation<Void, Never>?

        func resume() {
            for waiter in due { waiter.token.resume(returning: waiter.through) }
            reader?.resume()
        }
    }

    /// Events that a subscriber looks at in one pull, at most.
    private static let scan = 4_096

    let log: any EventLog
    let configuration: Configuration
    let logger: Logger
    let time: Timekeeper
    private let state: Lock<State>

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
        change { $0.append(events) }
    }

    public func grew(to head: Position) {
        change { ring in
            ring.heard(of: head)
            return nil
        }
    }

    public func reached(_ bounds: LogBounds) { learn { $0.reached(bounds) } }

    /// Ends every wait, now and later: subscriptions tell their last position and end.
    public func drain() {
        let wakes = state.withLock { state in
            state.isDraining = true
            return Wakes(due: state.waiters.takeAll())
        }
        wakes.resume()
    }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// The newest position that this node has heard of.
    public var known: Position { state.withLock { $0.ring.known } }

    /// How many subscribers wait for events now.
    var waiting: Int { state.withLock { $0.waiters.count } }

    // MARK: Changes

    /// - Parameter body: Returns what came to the ring's head.
    func change<Failure: Error>(
        _ body: (inout TailRing) throws(Failure) -> TailChunk?
    ) throws(Failure) {
        let wakes = try state.withLock { state throws(Failure) in
            let wasPrimed = state.ring.isPrimed
            let chunk = try body(&state.ring)
            var wakes = Wakes()
            if !wasPrimed, state.ring.isPrimed {
                // What came before it, while they waited, was never held.
                wakes.due = state.waiters.takeAll()
            } else if let chunk {
                wakes.due = state.waiters.take(interestedIn: chunk)
            }
            if state.readerIsDue { wakes.reader = state.reader.take() }
            return wakes
        }
        wakes.resume()
    }

    /// - Parameter body: Says what the store's answer means for what the ring held until now. Whoever
    ///   waits has to look again then: events may be gone, or skipped.
    @discardableResult
    func learn(_ body: (inout TailRing) -> LogHistory.Verdict) -> LogHistory.Verdict {
        let (verdict, epoch, wakes) = state.withLock { state in
            let floor = state.ring.floor
            let verdict = body(&state.ring)
            var wakes = Wakes()
            if verdict == .changed || state.ring.floor != floor {
                wakes.due = state.waiters.takeAll()
            }
            if state.readerIsDue { wakes.reader = state.reader.take() }
            return (verdict, state.ring.history.epochs.last, wakes)
        }
        wakes.resume()
        if verdict == .changed, let epoch {
            logger.warning(
                "The log goes on in another history", [.position: .init(epoch.openedAfter)])
        }
        return verdict
    }

    func look<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        state.withLock { body(&$0) }
    }

    /// Of the log that it follows; nil before anything is known.
    var epoch: UInt64? { state.withLock { $0.ring.history.epoch } }

    // MARK: What subscribers pull

    /// A stretch of the tail, right after a subscriber's position.
    struct Stretch {
        let slices: [TailRing.Slice]
        let through: Position
        let head: Position
    }

    enum Reading {
        case stretch(Stretch)
        case behind
        case end(known: Position)
        /// The tail follows another epoch than the subscriber.
        case otherHistory
    }

    /// What the tail holds right after a position.
    ///
    /// - Parameter epoch: The reader's.
    func read(after position: Position, epoch: UInt64) -> Reading {
        state.withLock { state in
            guard state.ring.history.epoch == epoch else { return .otherHistory }
            switch state.ring.read(after: position, scanning: Self.scan) {
            case .behind: return .behind
            case .end: return .end(known: state.ring.known)
            case .events(let slices, let through):
                return .stretch(
                    Stretch(slices: slices, through: through, head: state.ring.head))
            }
        }
    }

    /// Counts what a chunk's wire form takes.
    func charge(_ chunk: TailChunk, _ bytes: Int) {
        state.withLock { $0.ring.charge(chunk, bytes) }
    }

    /// Returns when something that can match comes to the head, when the moment comes, when the tail
    /// drains or follows another epoch than this, or when the task is cancelled.
    ///
    /// - Parameter position: All that is held up to here has been looked at.
    /// - Returns: The position through which nothing matches.
    func wait(
        after position: Position, epoch: UInt64, filter: CompiledFilter, until deadline: Duration
    ) async -> Position {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiters.Waiter(
                    after: position, epoch: epoch, filter: filter, deadline: deadline,
                    token: continuation)
                let isDue = state.withLock { state in
                    if Task.isCancelled || state.isDraining || state.ring.head > position
                        || state.ring.history.epoch != epoch
                    {
                        return true
                    }
                    state.waiters.add(id, waiter)
                    return false
                }
                if isDue { continuation.resume(returning: position) }
            }
        } onCancel: {
            state.withLock { $0.waiters.remove(id) }?.token.resume(returning: position)
        }
    }
}
