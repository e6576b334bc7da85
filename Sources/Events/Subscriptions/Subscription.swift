/// One subscriber's stream, pulled by its sink: the next item is looked for when the sink asks, so
/// a slow sink holds one page at most.
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
    /// What was read and not handed over, in reverse.
    private var batches: [DeliveryBatch] = []
    /// The page came from the log: the next one is to be read there too, most likely.
    public private(set) var isInHistory = false
    private let room: HistoryRoom
    /// Of the page in wire form that was handed out last, until the next one is asked for.
    private var share: HistoryRoom.Share?
    /// How many were read in wire form.
    private var pagesOfHistory = 0

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
        while true {
            if let batch = batches.popLast() { return .deliveries(batch) }
            share = nil
            switch try await nextStep() {
            case .caughtUp(let position): return .caughtUp(position)
            case .checkpoint(let position): return .checkpoint(position)
            case .end: return nil
            case .tail(let stretch):
                isInHistory = false
                take(
                    tail.deliveries(
                        stretch, filter, epoch: epoch, limit: request.maxBatchEvents,
                        maxBytes: min(request.maxBatchBytes, DeliveryBatch.maxBytes),
                        encoder: encoder))
            case .log(let position):
                let read = try await log.read(
                    after: position, filter: request.filter, limit: request.maxBatchEvents,
                    maxBytes: makeRoom(), encoder: encoder)
                share?.settle(read.batches.reduce(0) { $0 + $1.bytes.count })
                if isOurs(read.epoch, head: read.head) {
                    take(read)
                    isInHistory = true
                }
            }
        }
    }

    /// Room for the next page of history. The first two are a message each: whoever takes nothing never
    /// has both sent. Then pages grow, as far as there is room.
    ///
    /// - Returns: Most bytes that it may have.
    private mutating func makeRoom() -> Int {
        let message = min(request.maxBatchBytes, DeliveryBatch.maxBytes)
        pagesOfHistory = min(pagesOfHistory + 1, 8)
        guard pagesOfHistory > 2 else { return message }
        let wanted = min(request.maxBatchBytes, message << (2 * (pagesOfHistory - 2)))
        share = room.take(2 * message, upTo: 2 * wanted)
        // The log may read two pages.
        return share.map { $0.bytes / 2 } ?? message
    }

    /// Whether the page of which ``next(encodedBy:)`` handed out a part has room of its own, so that the
    /// next one may be read while this one is on its way.
    public var mayReadAhead: Bool { share != nil }

    /// What is left of the page of which ``next(encodedBy:)`` handed out a part, for who has the next
    /// page read while this one is on its way.
    public mutating func takeRest() -> [DeliveryBatch] {
        defer { batches = [] }
        return batches.reversed()
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

    private mutating func take(_ read: EncodedPage) {
        batches = read.batches.reversed()
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
