public import Telemetry

/// The checked events of one publish.
public struct AppendRequest: Sendable {
    /// 1...1,000, in the order readers will see.
    public let events: [NewEvent]
    /// Stores what can be stored; otherwise all or nothing. Never together with a precondition.
    public let allowPartial: Bool
    public let precondition: SubjectPrecondition?
    /// Whose share of what may wait it takes: the caller's tenant.
    public let account: TenantID
    /// How long the caller waits for a store that is away; nil: as long as the log sees fit.
    public let deadline: MonotonicTime?

    /// - Parameter account: By default the tenant of the first event.
    public init(
        events: [NewEvent], allowPartial: Bool = false, precondition: SubjectPrecondition? = nil,
        account: TenantID? = nil, deadline: MonotonicTime? = nil
    ) {
        self.events = events
        self.allowPartial = allowPartial
        self.precondition = precondition
        self.account = account ?? events.first?.tenant ?? .default
        self.deadline = deadline
    }
}

/// Holds when `lastPosition` is that of the subject's newest event; zero: there is none.
public struct SubjectPrecondition: Sendable, Hashable {
    public let tenant: TenantID
    public let subject: String
    public let lastPosition: Position

    public init(tenant: TenantID, subject: String, lastPosition: Position) {
        self.tenant = tenant
        self.subject = subject
        self.lastPosition = lastPosition
    }
}

/// What became of one event of a request.
public enum AppendOutcome: Sendable, Hashable {
    case stored(Position)
    /// It is in the log already, with the same content, first at this position.
    case duplicate(Position)
    /// Only with `allowPartial`.
    case rejected(EventsError)
}

/// An event that passed every check, with its defaults filled in, on its way into the log.
public struct NewEvent: EventCarrier {
    public let content: EventContent
    /// The caller chose the id, so it may be in the log already.
    public let hasCallersID: Bool
    public let fingerprint: Fingerprint

    public init(_ content: EventContent, hasCallersID: Bool, fingerprint: Fingerprint) {
        self.content = content
        self.hasCallersID = hasCallersID
        self.fingerprint = fingerprint
    }
}
