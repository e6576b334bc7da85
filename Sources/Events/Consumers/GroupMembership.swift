/// What a member asks for.
public struct MembershipRequest: Sendable {
    public var group: GroupName
    public var tenant: TenantID
    /// Deliveries that may be unanswered at one time; beyond ``maxInFlightRange`` the nearest.
    public var maxInFlight: Int
    /// A checkpoint comes at least so often; see ``SubscriptionRequest/heartbeats``.
    public var heartbeat: Duration
    /// Ends once nothing that was in the log is left for this node's members to be handed.
    public var untilCaughtUp: Bool
    /// Most deliveries in one batch.
    public var maxBatchEvents: Int
    /// A batch ends with the event that reaches so many bytes.
    public var maxBatchBytes: Int

    public static let defaultMaxInFlight = 256
    public static let maxInFlightRange = 1...10_000

    public init(
        group: GroupName, tenant: TenantID, maxInFlight: Int = defaultMaxInFlight,
        heartbeat: Duration = SubscriptionRequest.defaultHeartbeat, untilCaughtUp: Bool = false,
        maxBatchEvents: Int = 500, maxBatchBytes: Int = 1 << 20
    ) {
        self.group = group
        self.tenant = tenant
        self.maxInFlight = maxInFlight
        self.heartbeat = heartbeat
        self.untilCaughtUp = untilCaughtUp
        self.maxBatchEvents = maxBatchEvents
        self.maxBatchBytes = maxBatchBytes
    }
}

/// What a membership hands to its sink, one at a time, when the sink asks.
public enum GroupItem: Sendable {
    /// At least one; of each key at most one.
    case deliveries([GroupDelivery])
    /// A sign of life: the group's share of this node has finished all up to here.
    case checkpoint(Position)
}

/// One event handed to one member once.
public struct GroupDelivery: Sendable {
    public let event: RecordedEvent
    /// The same for each attempt.
    public let deliveryID: String
    /// From 1.
    public let attempt: Int
    /// What the member answers with; another for each attempt.
    public let token: AckToken

    public init(event: RecordedEvent, deliveryID: String, attempt: Int, token: AckToken) {
        self.event = event
        self.deliveryID = deliveryID
        self.attempt = attempt
        self.token = token
    }
}

/// A member's end of a group, pulled by its sink: a slow sink holds ``MembershipRequest/maxInFlight``
/// deliveries at most.
public struct GroupMembership: Sendable {
    let pull: @Sendable () async throws -> GroupItem?

    /// Waits for the next item; nil at the end that `untilCaughtUp` asked for.
    ///
    /// - Throws: ``EventsError``: `.unavailable` when the node drains or the store is away,
    ///   `.notFound` when the group was deleted; `CancellationError`.
    public func next() async throws -> GroupItem? {
        try await pull()
    }
}
