/// Members that share the work on what a filter lets through; the service keeps their progress.
public struct Group: Sendable, Hashable {
    public let name: GroupName
    /// Whose group it is.
    public let tenant: TenantID
    public var filter: EventFilter
    /// Where it began; never a cursor.
    public var start: SubscriptionRequest.Start
    public var ordering: GroupOrdering
    /// Hand-outs of one event before it becomes a dead letter.
    public var maxAttempts: Int
    /// For an acknowledgement, from the moment when a member took the event.
    public var ackDeadline: Duration

    public static let defaultMaxAttempts = 10
    public static let maxAttemptsRange = 1...1_000
    public static let defaultAckDeadline: Duration = .seconds(30)
    public static let ackDeadlines: ClosedRange<Duration> = .milliseconds(100) ... .seconds(43_200)

    public init(
        name: GroupName, tenant: TenantID, filter: EventFilter,
        start: SubscriptionRequest.Start = .end, ordering: GroupOrdering = .continue,
        maxAttempts: Int = defaultMaxAttempts, ackDeadline: Duration = defaultAckDeadline
    ) {
        self.name = name
        self.tenant = tenant
        self.filter = filter
        self.start = start
        self.ordering = ordering
        self.maxAttempts = maxAttempts
        self.ackDeadline = ackDeadline
    }

    /// - Throws: ``EventsError``, `.invalidArgument`, naming each wrong field of `apus.v1.Group`.
    public func check() throws(EventsError) {
        var faults: [FieldViolation] = []
        if !Self.maxAttemptsRange.contains(maxAttempts) {
            faults.append(
                FieldViolation(
                    field: "group.max_attempts",
                    description: "must be between 1 and \(Self.maxAttemptsRange.upperBound)"))
        }
        if !Self.ackDeadlines.contains(ackDeadline) {
            faults.append(
                FieldViolation(
                    field: "group.ack_deadline", description: "must be between 100 ms and 12 h"))
        }
        if case .cursor = start {
            faults.append(
                FieldViolation(field: "group.start", description: "must not be a cursor"))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
    }
}

/// What a dead letter means to later events of its key. Raw values are those of
/// `apus.v1.GroupOrdering`.
public enum GroupOrdering: Int, Sendable, Hashable, CaseIterable {
    /// They go on.
    case `continue` = 1
    /// They wait until it is retried or discarded.
    case hold = 2
}

/// What of a group is to be changed; nil leaves it as it is. A new filter counts for what the group
/// has not taken up yet.
public struct GroupChanges: Sendable, Hashable {
    public var filter: EventFilter?
    public var ordering: GroupOrdering?
    public var maxAttempts: Int?
    public var ackDeadline: Duration?

    public init(
        filter: EventFilter? = nil, ordering: GroupOrdering? = nil, maxAttempts: Int? = nil,
        ackDeadline: Duration? = nil
    ) {
        self.filter = filter
        self.ordering = ordering
        self.maxAttempts = maxAttempts
        self.ackDeadline = ackDeadline
    }

    public func applied(to group: Group) -> Group {
        var group = group
        group.filter = filter ?? group.filter
        group.ordering = ordering ?? group.ordering
        group.maxAttempts = maxAttempts ?? group.maxAttempts
        group.ackDeadline = ackDeadline ?? group.ackDeadline
        return group
    }
}

/// A group, and how it gets on.
public struct GroupStatus: Sendable, Hashable {
    public let group: Group
    /// All up to here is finished or does not concern it.
    public let position: Position
    /// Positions between that and the head.
    public let lagEvents: UInt64
    /// How long ago the first event beyond the position was recorded; zero at the head.
    public let lag: Duration
    /// On all nodes.
    public let members: Int
    /// Handed out and not answered yet.
    public let inFlight: Int
    /// Open dead letters.
    public let deadLettered: Int

    public init(
        group: Group, position: Position, lagEvents: UInt64, lag: Duration, members: Int,
        inFlight: Int, deadLettered: Int
    ) {
        self.group = group
        self.position = position
        self.lagEvents = lagEvents
        self.lag = lag
        self.members = members
        self.inFlight = inFlight
        self.deadLettered = deadLettered
    }
}
