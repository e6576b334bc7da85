/// One subscriber's stream, pulled by its sink: the next item is looked for when the sink asks, so
/// a slow sink holds what it took, and one page that it may have read ahead.
public struct Subscription: Sendable {
    /// The log's epoch, for cursors. Changes between two items when the log goes on in another
    /// history, and all that was delivered is part of that too.
    public var epoch: UInt64 { machine.epoch }

    private let log: any EventLog
    private let tail: EventTail
    private let request: SubscriptionRequest
    private let filter: CompiledFilter
    private var machine: SubscriptionStateMachine
    private var page: [RecordedEvent] = []
    private var handedOver = 0
    private let room: HistoryRoom
    private var pagesOfHistory = 0
    private var historyPage: HistoryPage?

    init(
        _ request: SubscriptionRequest, after position: Position, bounds: LogBounds,
        log: any EventLog, tail: EventTail, room: HistoryRoom
    ) {
        self.request = request
        self.room = room
        self.log = log
        self.tail = tail
        filter = CompiledFilter(request.filter)
        // A wait may end a tick late, and a page may take its time.
        machine = SubscriptionStateMachine(
            after: position, bounds: bounds, heartbeat: request.heartbeat * 0.8,
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
            switch try await nextStep() {
            case .caughtUp(let position): return .caughtUp(position)
            case .checkpoint(let position): return .checkpoint(position)
            case .end: return nil
            case .tail(let stretch):
                take(
                    EventTail.events(
                        stretch, filter, epoch: epoch, limit: request.maxBatchEvents))
            case .log(let position):
                let read = try await log.read(
                    after: position, filter: request.filter, limit: request.maxBatchEvents,
                    maxBytes: request.maxBatchBytes)
                if isOurs(read.epoch, head: read.head) { take(read) }
            }
        }
    }

    /// As ``next()``, with deliveries in the form that `encoder` writes. A subscription is pulled in
    /// one of the two ways.
    public mutating func next(
        encodedBy encoder: some DeliveryEncoder
    ) async throws -> EncodedItem? {
        historyPage = nil
        while true {
            switch try await nextStep() {
            case .caughtUp(let position): return .caughtUp(position)
            case .checkpoint(let position): return .checkpoint(position)
            case .end: return nil
            case .tail(let stretch):
                let read = tail.deliveries(
                    stretch, filter, epoch: epoch, limit: request.maxBatchEvents,
                    maxBytes: messageBytes, encoder: encoder)
                machine.scanned(through: read.scannedThrough, head: read.head)
                if let batch = read.batch { return .deliveries(batch) }
            case .log(let position):
                let share = makeRoom()
                var page = try await log.readHistory(
                    after: position, filter: request.filter, limit: request.maxBatchEvents,
                    maxBytes: share?.bytes ?? messageBytes)
                guard isOurs(page.epoch, head: page.head) else { continue }
                machine.scanned(through: page.scannedThrough, head: page.head)
                guard page.count > 0 else { continue }
                page.maxMessageBytes = messageBytes
                page.takeRoom(share)
                historyPage = page
                return .history
            }
        }
    }

    /// The page that ``next(encodedBy:)`` told of.
    public mutating func takePage() -> HistoryPage? { historyPage.take() }

    private var messageBytes: Int { min(request.maxBatchBytes, DeliveryBatch.maxBytes) }

    /// Room for the next page of history. The first two are a message each: whoever takes nothing never
    /// has both sent. Then pages grow, as far as there is room.
    ///
    /// - Returns: Nil when there is none: it has the bytes of a message.
    private mutating func makeRoom() -> HistoryRoom.Share? {
        let message = messageBytes
        pagesOfHistory = min(pagesOfHistory + 1, 8)
        guard pagesOfHistory > 2 else { return nil }
        let wanted = min(request.maxBatchBytes, message << (2 * (pagesOfHistory - 2)))
        return room.take(2 * message, upTo: wanted)
    }

    private enum Step {
        case tail(EventTail.Stretch)
        case log(after: Position)
        case caughtUp(Position)
        case checkpoint(Position)
        case end
    }

    /// Waits until there is something to tell or to read.
    private mutating func nextStep() async throws -> Step {
        while true {
            try Task.checkCancellation()
            switch machine.next(now: tail.time.now(), draining: tail.isDraining) {
            case .caughtUp(let position): return .caughtUp(position)
            case .checkpoint(let position): return .checkpoint(position)
            case .finish: return .end
            case .drained:
                throw EventsError.unavailable(
                    .draining, "This node is stopping.", retryAfter: .milliseconds(100))
            case .wait(let position, let deadline):
                machine.waited(
                    through: await tail.wait(
                        after: position, epoch: epoch, filter: filter, until: deadline))
            case .readLog(let position): return .log(after: position)
            case .readBounds:
                let bounds = try await log.bounds()
                guard tail.learn({ $0.reached(bounds) }) != .stale else {
                    throw EventsError.otherHistory
                }
                try machine.goOn(in: bounds)
            case .readTail(let position):
                switch tail.read(after: position, epoch: epoch) {
                case .behind: machine.tailIsAhead()
                case .end(let known): machine.tailEnded(known: known)
                case .stretch(let stretch): return .tail(stretch)
                case .otherHistory: machine.sawOtherHistory()
                }
            }
        }
    }

    /// Whether what was read is of the history that the subscriber follows.
    private mutating func isOurs(_ read: UInt64, head: Position) -> Bool {
        guard read == epoch else {
            machine.sawOtherHistory()
            return false
        }
        tail.grew(to: head)
        return true
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
