/// The books of consumers that share work by partitions: cursors, what was taken up, who holds what.
/// Implemented over Postgres.
///
/// All calls throw ``EventsError`` (`.unavailable` when the store is away) or `CancellationError`.
public protocol ConsumerBooks: Sendable {
    /// Says that a node lives, and how many members of which consumers it has.
    ///
    /// - Parameter time: Without another beat for so long, others take its partitions over.
    func beat(
        _ node: String, for time: Duration, members: [ConsumerMembers]
    ) async throws

    /// Says that a node is gone: what it holds is free at once.
    func end(_ node: String) async throws

    /// Where the consumers' partitions and members are, as of now.
    func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey]

    /// Takes those of the partitions that nobody alive holds, or that the node itself held, with a
    /// new fence each: whatever bears an older one is refused from then on. None when the consumer's
    /// version is another.
    func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition]

    /// Records work, all or nothing for each partition. The same again after its answer was lost
    /// changes nothing.
    func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer

    /// What was said on other nodes of work in these partitions, and not acted upon yet, apart from
    /// ``revivals(_:partitions:within:room:)``.
    func remarks(_ consumer: Int32, partitions: [Int]) async throws -> [Remark]

    /// Dead letters in these partitions that are to be tried again before long, and were not heard
    /// of: in the order in which they are due, those of one moment by position. One that is not open
    /// any more is to be discarded.
    ///
    /// - Parameter time: How long before they are due.
    func revivals(
        _ consumer: Int32, partitions: [Int], within time: Duration, room: RevivalRoom
    ) async throws -> [Remark]

    /// Leaves answers for whoever holds the partitions, durably. Those count whose hand-out is the
    /// event's last.
    ///
    /// - Returns: For each whether it counts.
    func remark(_ consumer: Int32, _ answers: [TokenAnswer]) async throws -> [Bool]

    /// The events at these positions that are stored, or kept for a dead letter.
    func events(at positions: [Position]) async throws -> [RecordedEvent]
}

/// Members of a consumer on one node.
public struct ConsumerMembers: Sendable, Hashable {
    public let consumer: Int32
    public let count: Int
    /// One of its circuits is open on this node.
    public let isBroken: Bool

    public init(consumer: Int32, count: Int, isBroken: Bool = false) {
        self.consumer = consumer
        self.count = count
        self.isBroken = isBroken
    }
}

/// Where a consumer's partitions and members are.
public struct ConsumerSurvey: Sendable, Hashable {
    public let consumer: Int32
    /// Of its group or handler; nil when that was deleted.
    public let version: Int64?
    /// For each partition the node that holds it; nil when nobody alive does.
    public let holders: [String?]
    /// For each partition how far its books are.
    public let marks: [PartitionMark]
    /// Members of each node that is alive.
    public let members: [String: Int]
    public let hasRemarks: Bool

    public init(
        consumer: Int32, version: Int64?, holders: [String?], marks: [PartitionMark],
        members: [String: Int], hasRemarks: Bool
    ) {
        self.consumer = consumer
        self.version = version
        self.holders = holders
        self.marks = marks
        self.members = members
        self.hasRemarks = hasRemarks
    }
}

/// Which state of a partition's books this is.
public struct PartitionMark: Sendable, Hashable {
    /// Of the holder that took it last.
    public let fence: Int64
    /// Of the last batch that counted.
    public let serial: Int64

    public init(fence: Int64, serial: Int64) {
        self.fence = fence
        self.serial = serial
    }
}

/// A partition that was taken, with all that its former holders left, but for dead letters that hold
/// nothing and are still to be heard of as ``ConsumerBooks/revivals(_:partitions:within:room:)``.
public struct TakenPartition: Sendable {
    public let partition: Int
    public let fence: Int64
    /// Of the last batch that counted.
    public let serial: Int64
    public let cursor: Position
    /// Beyond the cursor, up to here the former holder may have begun with events without a row.
    public let begun: Position
    public let work: [StoredWork]
    public let lanes: [StoredLane]

    public init(
        partition: Int, fence: Int64, serial: Int64, cursor: Position, begun: Position = .zero,
        work: [StoredWork], lanes: [StoredLane]
    ) {
        self.partition = partition
        self.fence = fence
        self.serial = serial
        self.cursor = cursor
        self.begun = begun
        self.work = work
        self.lanes = lanes
    }
}

/// An event that was taken up and is not finished.
public struct StoredWork: Sendable, Hashable {
    /// Raw values are those of `apus.work.state`.
    public enum State: Int, Sendable, Hashable {
        case waiting = 1
        case handedOut = 2
        /// A dead letter that holds its key.
        case held = 3
    }

    public let position: Position
    public let state: State
    /// Hand-outs that count.
    public let attempt: Int
    /// Of them, those lost with their member.
    public let lost: Int
    public let ticket: Int32
    /// Of the holder that handed it out last.
    public let fence: Int64
    /// Of a waiting one: not to be handed out for so long.
    public let delay: Duration
    /// It is an open dead letter that is tried again.
    public let isRevived: Bool
    /// As ``HandlerFailure/revival``.
    public var revival: Int64

    public init(
        position: Position, state: State, attempt: Int, lost: Int, ticket: Int32, fence: Int64,
        delay: Duration, isRevived: Bool, revival: Int64 = 0
    ) {
        self.position = position
        self.state = state
        self.attempt = attempt
        self.lost = lost
        self.ticket = ticket
        self.fence = fence
        self.delay = delay
        self.isRevived = isRevived
        self.revival = revival
    }
}

/// Whose events a partition's cursor skipped.
public struct LaneScope: Sendable, Hashable {
    public let tenant: TenantID
    /// Nil: all of the tenant's. Compared by bytes.
    public let key: String?

    public init(tenant: TenantID, key: String?) {
        self.tenant = tenant
        self.key = key
    }

    public static func == (one: LaneScope, other: LaneScope) -> Bool {
        guard one.tenant == other.tenant else { return false }
        guard let key = one.key, let otherKey = other.key else {
            return one.key == nil && other.key == nil
        }
        return key.isSpelled(as: otherKey)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(tenant)
        key?.hashSpelling(into: &hasher)
    }
}

/// A lane and how far it was read.
public struct StoredLane: Sendable, Hashable {
    public let scope: LaneScope
    public let position: Position

    public init(scope: LaneScope, position: Position) {
        self.scope = scope
        self.position = position
    }
}

/// What is said of a hand-out.
public struct TokenAnswer: Sendable, Hashable {
    public let token: AckToken
    public let verdict: Verdict

    public init(token: AckToken, verdict: Verdict) {
        self.token = token
        self.verdict = verdict
    }
}

/// What somebody wants done with an event.
public struct Verdict: Sendable, Hashable {
    /// Raw values are those of `apus.work.verdict`; the first ones are members'.
    public enum Action: Int, Sendable, Hashable {
        case ack = 1
        case retry = 2
        case deadLetter = 3
        case extend = 4
        case release = 5
        /// A dead letter is to be tried again.
        case revive = 11
        /// A dead letter that holds its key is to go.
        case discard = 12
    }

    public let action: Action
    public let reason: String
    public let delay: Duration
    /// As the ledger has it; nil: as follows from the action.
    public let outcome: DeliveryOutcome?

    public init(
        _ action: Action, reason: String = "", delay: Duration = .zero,
        outcome: DeliveryOutcome? = nil
    ) {
        self.action = action
        self.reason = reason
        self.delay = delay
        self.outcome = outcome
    }
}

/// An answer that another node left.
public struct Remark: Sendable {
    public let partition: Int
    public let work: StoredWork
    public let verdict: Verdict

    public init(partition: Int, work: StoredWork, verdict: Verdict) {
        self.partition = partition
        self.work = work
        self.verdict = verdict
    }
}
