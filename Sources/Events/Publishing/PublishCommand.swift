public import Telemetry

/// One publish, as it arrived.
public struct PublishCommand: Sendable {
    public var events: [EventDraft]
    public var allowPartial: Bool
    public var precondition: Precondition?

    public init(
        events: [EventDraft], allowPartial: Bool = false, precondition: Precondition? = nil
    ) {
        self.events = events
        self.allowPartial = allowPartial
        self.precondition = precondition
    }

    public struct Precondition: Sendable, Hashable {
        public var subject: String
        public var lastPosition: UInt64

        public init(subject: String, lastPosition: UInt64) {
            self.subject = subject
            self.lastPosition = lastPosition
        }
    }
}

/// What is known of the call that brings events: who, and what fills empty metadata.
public struct PublishContext: Sendable, Hashable {
    public var caller: Caller
    public var userAgent: String
    public var ipAddress: String
    public var traceparent: String
    /// When the caller stops waiting.
    public var deadline: MonotonicTime?

    public init(
        caller: Caller, userAgent: String = "", ipAddress: String = "", traceparent: String = "",
        deadline: MonotonicTime? = nil
    ) {
        self.caller = caller
        self.userAgent = userAgent
        self.ipAddress = ipAddress
        self.traceparent = traceparent
        self.deadline = deadline
    }
}

/// What became of one event of a publish.
public struct PublishOutcome: Sendable, Hashable {
    /// As stored, in lower case; as the client sent it when it is no id,
    /// empty when that is too long.
    public let eventID: String
    public let outcome: AppendOutcome

    public init(eventID: String, outcome: AppendOutcome) {
        self.eventID = eventID
        self.outcome = outcome
    }
}
