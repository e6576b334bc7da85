/// Which life of the log a node follows. Postgres can come back as another one under a running
/// node: restored to an earlier moment, or failed over to a server that had not heard all.
public struct LogHistory: Sendable, Hashable {
    /// What an answer of the store means for who followed the log until now.
    public enum Verdict: Sendable, Hashable {
        /// The same history, or the first that was heard of.
        case same
        /// From before what is known: an answer that was overtaken, or a store that went back and
        /// has not opened its new epoch yet.
        case stale
        /// Another epoch: what was known beyond its opening may be gone.
        case changed
    }

    /// From the first to the current one; empty before anything is known.
    public private(set) var epochs: [LogEpoch] = []
    /// The newest position that was known to be stored in the current epoch.
    public private(set) var head: Position = .zero

    public init() {}

    /// The current epoch's id; nil before anything is known.
    public var epoch: UInt64? { epochs.last?.id }

    public mutating func learn(_ bounds: LogBounds) -> Verdict {
        let id = bounds.epoch.id
        if id == epoch {
            head = max(head, bounds.head)
            return .same
        }
        if epochs.contains(where: { $0.id == id }) { return .stale }
        defer {
            epochs = bounds.epochs
            head = bounds.head
        }
        return epochs.isEmpty ? .same : .changed
    }

    /// Events up to there are durable, in the current epoch.
    public mutating func stored(through position: Position) {
        head = max(head, position)
    }
}
