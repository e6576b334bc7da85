/// A replay as its caller sees it.
public struct Replay: Sendable, Hashable {
    /// Raw values are those of `apus.v1.ReplayState`.
    public enum State: Int, Sendable, Hashable, CaseIterable {
        case planned = 1
        case running = 2
        case completed = 3
        case cancelled = 4
        case failed = 5

        public var isOver: Bool { self == .completed || self == .cancelled || self == .failed }
    }

    /// What one handler gets of it.
    public struct Target: Sendable, Hashable {
        public let handler: String
        public let events: Int
        public let done: Int
        public let failed: Int
        /// Why the handler is left out; empty when it is not.
        public let skippedReason: String

        public init(
            handler: String, events: Int, done: Int = 0, failed: Int = 0,
            skippedReason: String = ""
        ) {
            self.handler = handler
            self.events = events
            self.done = done
            self.failed = failed
            self.skippedReason = skippedReason
        }
    }

    /// Nil for a dry run, which is not kept.
    public let id: EventID?
    public let state: State
    public let matched: Int
    public let targets: [Target]
    public let startedAt: Timestamp?
    public let finishedAt: Timestamp?
    public let reason: String

    public init(
        id: EventID?, state: State, matched: Int, targets: [Target],
        startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil, reason: String
    ) {
        self.id = id
        self.state = state
        self.matched = matched
        self.targets = targets
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.reason = reason
    }
}
