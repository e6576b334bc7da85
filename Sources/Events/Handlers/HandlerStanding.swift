/// A handler, and how it gets on, on all nodes.
public struct HandlerStanding: Sendable, Hashable {
    /// Raw values are those of `apus.v1.HandlerState`.
    public enum State: Int, Sendable, Hashable {
        case running = 1
        case paused = 2
        /// A circuit is open on some node.
        case broken = 3
        case rebuilding = 4
    }

    public let name: String
    public let types: [TypePattern]
    public let state: State
    public let hasExternalSideEffects: Bool
    /// All up to here is finished or does not concern it.
    public let position: Position
    /// Positions between that and the head.
    public let lagEvents: UInt64
    /// How long ago the first event beyond the position was recorded; zero at the head.
    public let lag: Duration
    /// Runs, over all time.
    public let succeeded: UInt64
    public let failed: UInt64
    /// Events that failed and wait to be tried again.
    public let retrying: UInt64
    /// Open dead letters.
    public let deadLettered: UInt64
    /// That have it registered, or still hold a part of it.
    public let nodes: [String]

    public init(
        name: String, types: [TypePattern], state: State, hasExternalSideEffects: Bool,
        position: Position, lagEvents: UInt64, lag: Duration, succeeded: UInt64, failed: UInt64,
        retrying: UInt64, deadLettered: UInt64, nodes: [String]
    ) {
        self.name = name
        self.types = types
        self.state = state
        self.hasExternalSideEffects = hasExternalSideEffects
        self.position = position
        self.lagEvents = lagEvents
        self.lag = lag
        self.succeeded = succeeded
        self.failed = failed
        self.retrying = retrying
        self.deadLettered = deadLettered
        self.nodes = nodes
    }
}
