/// Is told what this node learns of the log's growth. Calls come from the log's own tasks and
/// must return at once. The log does not keep it alive.
public protocol LogObserver: AnyObject, Sendable {
    /// This node stored these events; they are durable. Adjacent positions within one call; calls
    /// come in order of position, but other nodes' events are missing in between.
    func committed(_ events: [RecordedEvent])

    /// Something up to `head` exists, stored by any node.
    func grew(to head: Position)

    /// Where the log stands, asked of the store. Comes before the first ``committed(_:)`` of an
    /// epoch: one that is new ends what was known of the log beyond its opening.
    func reached(_ bounds: LogBounds)
}

extension LogObserver {
    public func reached(_ bounds: LogBounds) { grew(to: bounds.head) }
}
