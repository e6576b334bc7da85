/// How far the log reaches, in one moment.
public struct LogBounds: Sendable, Hashable {
    /// The oldest position still stored; `head.next` when nothing is.
    public let earliest: Position
    /// The newest position; zero in an empty log.
    public let head: Position
    /// From the first to the current one; never empty.
    public let epochs: [LogEpoch]

    public init(earliest: Position, head: Position, epochs: [LogEpoch]) {
        precondition(!epochs.isEmpty, "a log has an epoch")
        self.earliest = earliest
        self.head = head
        self.epochs = epochs
    }

    public var epoch: LogEpoch { epochs[epochs.count - 1] }

    /// Whether a reader that was at `position` in the epoch `id` read the same history as this
    /// log holds. False after a restore to an earlier moment, also once the head is past it again.
    public func holds(_ position: Position, epoch id: UInt64) -> Bool {
        guard let index = epochs.lastIndex(where: { $0.id == id }) else { return false }
        // Each later one may have gone back further than the one before.
        let end = epochs[(index + 1)...].reduce(head) { min($0, $1.openedAfter) }
        return position <= end
    }

    /// Checks a reader's starting point.
    ///
    /// - Parameter epoch: Of the reader's cursor; nil when it named a plain position.
    /// - Throws: ``EventsError``: `.outOfRange`, with reason LOG_DIVERGED, POSITION_BEYOND_HEAD
    ///   or POSITION_EXPIRED.
    public func check(after position: Position, epoch: UInt64? = nil) throws(EventsError) {
        if let epoch, !holds(position, epoch: epoch) { throw .logDiverged(self) }
        if position > head { throw .positionBeyondHead(self) }
        if position.next < earliest { throw .positionExpired(self) }
    }
}

/// A stretch of the log's life on one Postgres history. A new one opens after a restore or a
/// failover; a cursor carries the id of the one it was made in.
public struct LogEpoch: Sendable, Hashable {
    /// Random, so that two restores of one backup differ.
    public let id: UInt64
    /// The head when it opened.
    public let openedAfter: Position

    public init(id: UInt64, openedAfter: Position) {
        self.id = id
        self.openedAfter = openedAfter
    }
}
