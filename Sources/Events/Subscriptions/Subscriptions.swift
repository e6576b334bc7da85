import Synchronization

/// Opens subscriptions on a node: checks where they start, and ends them when the node drains.
public final class Subscriptions: Sendable {
    private let log: any EventLog
    private let tail: EventTail
    let room: HistoryRoom
    private let openCount = Atomic<Int>(0)

    /// - Parameter historyBytes: Of pages that wait for their subscribers, over all of them, besides a
    ///   message for each.
    public init(log: any EventLog, tail: EventTail, historyBytes: Int = 32 << 20) {
        self.log = log
        self.tail = tail
        room = HistoryRoom(bytes: historyBytes)
    }

    /// How many clients are subscribed now.
    public var count: Int { openCount.load(ordering: .relaxed) }

    /// The newest position that was heard of.
    var head: Position { tail.known }

    /// Opens a subscription, and counts it while `body` runs.
    public func withSubscription<Result>(
        _ request: SubscriptionRequest,
        _ body: (inout Subscription) async throws -> Result
    ) async throws -> Result {
        var subscription = try await open(request)
        openCount.wrappingAdd(1, ordering: .relaxed)
        defer { openCount.wrappingSubtract(1, ordering: .relaxed) }
        return try await body(&subscription)
    }

    /// - Throws: ``EventsError``: `.invalidArgument` for a cursor that is none, `.outOfRange` for a
    ///   start that was dropped by retention, is beyond the head, or is of a lost history;
    ///   `.unavailable`.
    public func open(_ request: SubscriptionRequest) async throws -> Subscription {
        var request = request
        let heartbeats = SubscriptionRequest.heartbeats
        request.heartbeat = min(
            max(request.heartbeat, heartbeats.lowerBound), heartbeats.upperBound)
        if tail.isDraining {
            throw EventsError.unavailable(
                .draining, "This node is stopping.", retryAfter: .milliseconds(100))
        }
        let cursor = try decodeCursor(request.start)
        // Asked after `since`, so that the head is never older than the start.
        let since = try await position(since: request.start)
        let bounds = try await log.bounds()
        let position = try start(request.start, cursor: cursor, since: since, in: bounds)
        guard tail.learn({ $0.reached(bounds) }) != .stale else { throw EventsError.otherHistory }
        return Subscription(
            request, after: position, bounds: bounds, log: log, tail: tail, room: room)
    }

    private func decodeCursor(_ start: SubscriptionRequest.Start) throws(EventsError) -> Cursor? {
        guard case .cursor(let bytes) = start else { return nil }
        guard let cursor = Cursor(decoding: bytes) else {
            throw .invalid("cursor", "must be a cursor that the service gave out")
        }
        return cursor
    }

    private func position(since start: SubscriptionRequest.Start) async throws -> Position {
        guard case .since(let moment) = start else { return .zero }
        guard moment.isValid else {
            throw EventsError.invalid("since", "must be between the years 1 and 9999")
        }
        return try await log.position(since: moment)
    }

    private func start(
        _ start: SubscriptionRequest.Start, cursor: Cursor?, since: Position, in bounds: LogBounds
    ) throws(EventsError) -> Position {
        switch start {
        case .beginning: return bounds.earliest.previous
        case .end: return bounds.head
        case .since:
            let hasDropped = bounds.earliest > Position.zero.next
            // With nothing left, nothing says when the dropped ones were recorded.
            if hasDropped, bounds.earliest <= bounds.head, since < bounds.earliest {
                throw .positionExpired(bounds)
            }
            return min(max(since, bounds.earliest.previous), bounds.head)
        case .after(let position):
            try bounds.check(after: position)
            return position
        case .cursor:
            guard let cursor else { return bounds.head }
            try bounds.check(after: cursor.position, epoch: cursor.epoch)
            return cursor.position
        }
    }

    var isDraining: Bool { tail.isDraining }

    /// Ends every subscription with UNAVAILABLE after its last cursor; refuses new ones.
    public func drain() {
        tail.drain()
    }
}
