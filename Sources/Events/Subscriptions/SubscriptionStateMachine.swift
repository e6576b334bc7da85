/// One subscriber's way along the log: history, then live, and back again when it falls behind.
///
/// It asks for one thing at a time and is told what came of it. It always asks the tail first;
/// only where the tail does not reach back far enough (or is stale before the subscriber was ever
/// caught up) does it ask the log. Since every answer says through which position it covers the
/// log, and the next question starts there, the hand-over between the two has no gap and no
/// repeat in either direction. An answer of another epoch counts for nothing: it asks where that
/// one stands, and goes on only if all that was handed over is part of it.
struct SubscriptionStateMachine {
    enum Action: Equatable {
        case readTail(after: Position)
        case readLog(after: Position)
        /// Where the log stands: it goes on in another history.
        case readBounds
        /// Until something after the position is in the tail, or the moment comes.
        case wait(after: Position, until: Duration)
        case checkpoint(Position)
        case caughtUp(Position)
        /// The end that was asked for.
        case finish
        /// The node stops; all that was scanned has been told.
        case drained
    }

    /// All up to here was handed over or did not match.
    private(set) var position: Position
    /// Not caught up before this: the head when the subscription opened, or known since.
    private var target: Position
    /// Of the log, in which the position counts.
    private(set) var epoch: UInt64
    private let heartbeat: Duration
    private let endsWhenCaughtUp: Bool

    private enum Source { case tail, log, bounds, nothing }
    private enum Progress {
        case history
        /// At the head; nobody was told yet.
        case arrived
        case live
    }
    private var source: Source = .tail
    private var progress: Progress = .history
    private var lastCheckpoint: Duration
    private var checkpointed: Position?

    /// - Parameters:
    ///   - position: Starts right after it.
    ///   - bounds: Asked of the log.
    init(
        after position: Position, bounds: LogBounds, heartbeat: Duration,
        endsWhenCaughtUp: Bool = false, now: Duration
    ) {
        self.position = position
        target = bounds.head
        epoch = bounds.epoch.id
        self.heartbeat = heartbeat
        self.endsWhenCaughtUp = endsWhenCaughtUp
        lastCheckpoint = now
        if position >= bounds.head { progress = .arrived }
    }

    /// The next thing to do, when all that was delivered has been taken by the sink.
    mutating func next(now: Duration, draining: Bool = false) -> Action {
        if draining {
            return checkpointed == position ? .drained : checkpoint(now)
        }
        switch progress {
        case .arrived:
            progress = .live
            // The checkpoint after it gives the client a cursor to keep.
            lastCheckpoint = now - heartbeat
            return .caughtUp(position)
        case .live where endsWhenCaughtUp:
            return checkpointed == position ? .finish : checkpoint(now)
        case .live, .history: break
        }
        if now - lastCheckpoint >= heartbeat { return checkpoint(now) }
        switch source {
        case .tail: return .readTail(after: position)
        case .log: return .readLog(after: position)
        case .bounds: return .readBounds
        case .nothing:
            source = .tail
            return .wait(after: position, until: lastCheckpoint + heartbeat)
        }
    }

    private mutating func checkpoint(_ now: Duration) -> Action {
        lastCheckpoint = now
        checkpointed = position
        return .checkpoint(position)
    }

    /// The tail, or the log, was looked through up to `position`.
    ///
    /// - Parameter head: The newest position at that moment.
    mutating func scanned(through position: Position, head: Position) {
        let moved = position > self.position
        self.position = max(self.position, position)
        source = .tail
        if self.position >= head { arrive(orReadLog: moved) }
    }

    /// What was read is of another epoch.
    mutating func sawOtherHistory() {
        source = .bounds
    }

    /// - Throws: ``EventsError``, with reason LOG_DIVERGED, when the log no longer holds all that was
    ///   handed over.
    mutating func goOn(in bounds: LogBounds) throws(EventsError) {
        guard bounds.holds(position, epoch: epoch) else { throw .logDiverged(bounds) }
        epoch = bounds.epoch.id
        source = .tail
    }

    /// A wait is over; nothing matched up to `position`.
    mutating func waited(through position: Position) {
        self.position = max(self.position, position)
    }

    /// The tail no longer holds what comes next.
    mutating func tailIsAhead() {
        source = .log
    }

    /// The tail holds nothing more.
    ///
    /// - Parameter known: The newest position that the node has heard of.
    mutating func tailEnded(known: Position) {
        if progress == .history { target = max(target, known) }
        arrive(orReadLog: true)
    }

    private mutating func arrive(orReadLog mayRead: Bool) {
        if progress == .history {
            guard position >= target || !mayRead else {
                source = .log
                return
            }
            progress = .arrived
        }
        source = .nothing
    }
}
