public import Telemetry

/// The groups of a log, and the members that are connected to this node.
///
/// All calls throw ``EventsError`` or `CancellationError`.
public final class Groups: Sendable {
    public typealias Configuration = Consumers.Configuration

    /// Groups that a tenant may have: each has 64 partitions, which every node looks after. Those that
    /// are made at the same moment do not count each other.
    public static let maxPerTenant = 1_000

    /// All that consumes here by partitions.
    public let consumers: Consumers
    private let store: any GroupStore
    private let log: any EventLog
    private let metrics: ConsumerMetrics

    /// - Parameters:
    ///   - node: Shown in the ledger; names this process, and no other.
    ///   - tellOthers: Gives other nodes a hint to look at their partitions; they tell
    ///     ``lookAgain()``.
    public init(
        store: any GroupStore, books: any ConsumerBooks, log: any EventLog, tail: EventTail,
        node: String, configuration: Configuration = Configuration(),
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), metrics: MetricsRegistry, logger: Logger,
        tellOthers: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.log = log
        self.metrics = ConsumerMetrics(metrics, .groups)
        consumers = Consumers(
            books: books, log: log, tail: tail, node: node, configuration: configuration,
            clock: clock, wallClock: wallClock, logger: logger, tellOthers: tellOthers)
    }

    // MARK: The directory

    /// - Throws: ``EventsError``: `.invalidArgument` for what ``Group/check()`` refuses,
    ///   `.outOfRange` for a start that the log does not hold, `.alreadyExists`,
    ///   `.resourceExhausted` at ``maxPerTenant``.
    public func create(_ group: Group) async throws -> GroupStatus {
        try group.check()
        let position = try await position(of: group.start)
        switch try await store.create(group, after: position) {
        case .made: break
        case .nameTaken: throw EventsError.groupExists(group.name)
        case .tenantFull: throw EventsError.tooManyGroups(group.tenant)
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
        while true {
            let stored = try await find(name, tenant: tenant)
            let group = changes.applied(to: stored.group)
            try group.check()
            // Or somebody else changed it meanwhile: what they did not name is not to be undone.
            if try await store.update(group, from: stored.version) { break }
        }
        consumers.tellAll()
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
        consumers.tellAll()
        return try await get(name, tenant: tenant)
    }

    /// - Throws: ``EventsError``, `.notFound`.
    public func delete(_ name: GroupName, tenant: TenantID) async throws {
        guard try await store.delete(name, tenant: tenant) else {
            throw EventsError.groupNotFound(name.rawValue)
        }
        consumers.tellAll()
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
        let stored = try await find(request.group, tenant: request.tenant)
        let endsAt = request.untilCaughtUp ? try await log.bounds().head : nil
        let (engine, member) = try await join(request, stored)
        consumers.environment.lookAgain()
        let heartbeats = SubscriptionRequest.heartbeats
        let heartbeat =
            min(max(request.heartbeat, heartbeats.lowerBound), heartbeats.upperBound) * 0.8
        let membership = GroupMembership {
            try await engine.next(member, request, heartbeat: heartbeat, endsAt: endsAt)
        }
        do {
            let result = try await body(membership)
            await leave(engine, member)
            return result
        } catch {
            await leave(engine, member)
            throw error
        }
    }

    private func join(
        _ request: MembershipRequest, _ stored: StoredGroup
    ) async throws -> (engine: ConsumerEngine, member: Int) {
        while true {
            let engine = try consumers.engine(for: ConsumerDefinition(stored, in: store), metrics)
            do {
                return (engine, try await engine.join(request))
            } catch let error as EventsError where error == ConsumerEngine.draining {
                // It ends, as nobody was there for long: there will be room for another at once.
                try await consumers.environment.time.sleep(for: .milliseconds(10))
            }
        }
    }

    private func leave(_ engine: ConsumerEngine, _ member: Int) async {
        await engine.leave(member)
        consumers.environment.lookAgain()
    }

    /// Acts on members' answers, also on those to deliveries of other nodes. Returns once that is
    /// durable.
    ///
    /// - Returns: The tokens, as they were sent, that no longer count: the event was handed out
    ///   again, or is finished.
    /// - Throws: ``EventsError``: `.notFound`; `.invalidArgument` naming all that is wrong,
    ///   `acks[3]…`: then none is acted upon.
    public func acknowledge(
        _ acks: [Acknowledgement], group: GroupName, tenant: TenantID
    ) async throws -> [[UInt8]] {
        guard acks.count <= Acknowledgement.maxPerRequest else {
            throw EventsError.invalid(
                "acks", "must have at most \(Acknowledgement.maxPerRequest) entries")
        }
        let stored = try await find(group, tenant: tenant)
        var answers: [TokenAnswer] = []
        var faults: [FieldViolation] = []
        for (index, ack) in acks.enumerated() {
            faults += ack.faults(at: index)
            guard let token = AckToken(decoding: ack.token), token.consumer == stored.consumer
            else {
                faults.append(
                    FieldViolation(
                        field: "acks[\(index)].ack_token",
                        description: "must be a token of a delivery of this group"))
                continue
            }
            answers.append(TokenAnswer(token: token, verdict: Verdict(ack)))
        }
        guard faults.isEmpty else { throw EventsError.invalid(faults) }
        let counts = try await acknowledge(answers, of: stored.consumer)
        return zip(acks, counts).compactMap { $1 ? nil : $0.token }
    }

    /// - Returns: For each answer whether it counts.
    private func acknowledge(
        _ answers: [TokenAnswer], of consumer: Int32
    ) async throws -> [Bool] {
        guard let engine = consumers.engine(of: consumer) else {
            return try await leave(answers, to: consumer)
        }
        let settlements = await engine.acknowledge(answers)
        var counts = settlements.map { $0 == .done }
        let elsewhere = answers.indices.filter { settlements[$0] == .elsewhere }
        if !elsewhere.isEmpty {
            let left = try await leave(elsewhere.map { answers[$0] }, to: consumer)
            for (index, isLeft) in zip(elsewhere, left) { counts[index] = isLeft }
        }
        return counts
    }

    /// Whoever holds the partitions acts on them.
    private func leave(_ answers: [TokenAnswer], to consumer: Int32) async throws -> [Bool] {
        let counts = try await consumers.environment.books.remark(consumer, answers)
        if counts.contains(true) {
            consumers.lookAgain()
            consumers.environment.tell()
        }
        return counts
    }

    /// No more hand-outs on this node: what is not begun is handed back, members end with
    /// UNAVAILABLE. ``HandlerHost/drain()`` does this too.
    public func drain() { consumers.drain() }

    /// Another node did something that this one should look at.
    public func lookAgain() { consumers.lookAgain() }

    /// Keeps this node's share of all consumers; returns when it drains and its members' work is
    /// answered, or the grace is over.
    public func run() async throws { try await consumers.run() }
}

extension Verdict {
    fileprivate init(_ ack: Acknowledgement) {
        let action: Action =
            switch ack.action {
            case .ack: .ack
            case .retry: .retry
            case .deadLetter: .deadLetter
            case .extend: .extend
            case .release: .release
            }
        self.init(action, reason: ack.reason, delay: ack.delay)
    }
}
