/// One subscriber's stream, pulled by its sink: the next item is looked for when the sink asks, so
/// a slow sink holds one page at most.
public struct Subscription: Sendable {
    /// The log's epoch, for cursors. Changes between two items when the log goes on in another
    /// history, and all that was delivered is part of that too.
    public private(set) var epoch: UInt64

    private let log: any EventLog
    private let tail: EventTail
    private let request: SubscriptionRequest
    private var machine: SubscriptionStateMachine
    private var page: [RecordedEvent] = []
    private var handedOver = 0

    init(
        _ request: SubscriptionRequest, after position: Position, bounds: LogBounds,
        log: any EventLog, tail: EventTail
    ) {
        self.request = request
        self.log = log
        self.tail = tail
        epoch = bounds.epoch.id
        // A wait may end a tick late, and a page may take its time.
        machine = SubscriptionStateMachine(
            after: position, head: bounds.head, heartbeat: request.heartbeat * 0.8,
            endsWhenCaughtUp: request.untilCaughtUp, now: tail.time.now())
    }

    /// The cursor that continues right after a position.
    public func cursor(after position: Position) -> Cursor {
        Cursor(position: position, epoch: epoch)
    }

    /// Waits for the next item; nil at the end that `untilCaughtUp` asked for.
    ///
    /// - Throws: ``EventsError``: `.unavailable` when the node drains (a checkpoint came before) or
    ///   the store is away, `.outOfRange` when retention overtook the subscriber or the log was
    ///   restored to an earlier moment (LOG_DIVERGED); `CancellationError`.
    public mutating func next() async throws -> SubscriptionItem? {
        while true {
            if let batch = nextBatch() { return .deliveries(batch) }
            try Task.checkCancellation()
            switch machine.next(now: tail.time.now(), draining: tail.isDraining) {
            case .caughtUp(let position): return .caughtUp(position)
            case .checkpoint(let position): return .checkpoint(position)
            case .finish: return nil
            case .drained:
                throw EventsError.unavailable(
                    .draining, "This node is stopping.", retryAfter: .milliseconds(100))
            case .wait(let position, let deadline):
                await tail.wait(after: position, epoch: epoch, until: deadline)
            case .readTail(let position):
                if !readTail(after: position) { try await changeEpoch() }
            case .readLog(let position):
                let read = try await log.read(
                    after: position, filter: request.filter, limit: request.maxBatchEvents,
                    maxBytes: request.maxBatchBytes)
                if read.epoch == epoch {
                    tail.grew(to: read.head)
                    take(read)
                } else {
                    try await changeEpoch()
                }
            }
        }
    }

    /// False when the tail follows another history.
    private mutating func readTail(after position: Position) -> Bool {
        switch tail.read(
            after: position, epoch: epoch, filter: request.filter, limit: request.maxBatchEvents)
        {
        case .behind: machine.tailIsAhead()
        case .end(let known): machine.tailEnded(known: known)
        case .page(let read): take(read)
        case .otherHistory: return false
        }
        return true
    }

    /// Goes on in the log's new history, if that holds all which was delivered.
    private mutating func changeEpoch() async throws {
        let bounds = try await log.bounds()
        guard tail.learn({ $0.reached(bounds) }) != .stale else { throw EventsError.otherHistory }
        guard bounds.holds(machine.position, epoch: epoch) else {
            throw EventsError.logDiverged(bounds)
        }
        epoch = bounds.epoch.id
    }

    private mutating func take(_ read: EventPage) {
        page = read.events
        handedOver = 0
        machine.scanned(through: read.scannedThrough, head: read.head)
    }

    /// The next part of the page that stays within the bytes of a batch.
    private mutating func nextBatch() -> [RecordedEvent]? {
        guard handedOver < page.count else { return nil }
        let first = handedOver
        var bytes = 0
        while handedOver < page.count, bytes < request.maxBatchBytes {
            bytes += page[handedOver].footprint
            handedOver += 1
        }
        let batch = first == 0 && handedOver == page.count ? page : Array(page[first..<handedOver])
        if handedOver == page.count {
            page = []
            handedOver = 0
        }
        return batch
    }
}
