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
    public let deadline: ContinuousClock.Instant?

    /// - Parameter account: By default the tenant of the first event.
    public init(
        events: [NewEvent], allowPartial: Bool = false, precondition: SubjectPrecondition? = nil,
        account: TenantID? = nil, deadline: ContinuousClock.Instant? = nil
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

/// An event that passed every check, with its defaults filled in, on its way into the log. Many hands
/// pass it on: one reference costs less than a copy of all its texts.
public final class NewEvent: Sendable {
    public let id: EventID
    /// The caller chose the id, so it may be in the log already.
    public let hasCallersID: Bool
    public let fingerprint: Fingerprint
    public let type: String
    public let version: UInt32
    public let kind: EventKind
    public let tenant: TenantID
    public let source: String
    public let subject: String
    public let partitionKey: String
    public let occurredAt: Timestamp
    public let metadata: EventMetadata
    /// Full name of the payload's message.
    public let messageName: String
    public let data: [UInt8]

    public init(
        id: EventID, hasCallersID: Bool, fingerprint: Fingerprint, type: String, version: UInt32,
        kind: EventKind, tenant: TenantID, source: String, subject: String, partitionKey: String,
        occurredAt: Timestamp, metadata: EventMetadata, messageName: String, data: [UInt8]
    ) {
        self.id = id
        self.hasCallersID = hasCallersID
        self.fingerprint = fingerprint
        self.type = type
        self.version = version
        self.kind = kind
        self.tenant = tenant
        self.source = source
        self.subject = subject
        self.partitionKey = partitionKey
        self.occurredAt = occurredAt
        self.metadata = metadata
        self.messageName = messageName
        self.data = data
    }
}
