/// One consumer's work on one node, decided without I/O.
///
/// The flow of an event:
///
/// 1. ``nextRead()`` says what to read; ``took(_:_:now:wall:)`` takes a page up: each event of a
///    partition held here becomes a ``WorkItem`` in the queue of its key, or is left to a lane when
///    its tenant or its key has more than its share.
/// 2. ``takeBatch(now:)`` hands the first of each key to a member that has room, and returns all
///    that changed since the last batch: cursors, work, lanes, ledger. The store records it under
///    the fences of the partitions, all or nothing.
/// 3. ``answered(_:_:now:)`` makes the hand-outs lie ready for their members, who ``pull`` them. So
///    an attempt is counted before anybody sees it. A partition that the store refuses is
///    forgotten: another node has it.
/// 4. ``settle(_:_:changes:isDurable:now:)`` takes a member's word, ``tick(now:)`` deadlines,
///    ``leave(_:now:)`` the loss of a member; what follows goes into the next batch.
///
/// What is finished leaves the store's table of work; all else up to a partition's cursor has a row
/// there or belongs to a lane, so that whoever takes a partition over knows what is left to do.
///
/// Members of this process (``ConsumerRules/isLocal``) answer at once, or are gone with the node. So
/// two things are cheaper for them:
///
/// - A run of one key's events goes out together. Its member sees one when the one before is over,
///   and the rest comes back when that must wait.
/// - Work has no row as long as its partition's cursor can stay before it: until it failed, runs for
///   long, or something behind it is over. ``ConsumerBatch/Share/begun`` says up to where it may be
///   begun; whoever takes the partition over counts one attempt for all up to there.
///
/// Nothing here knows what a member is: a gRPC stream, a handler, a webhook.
///
/// The same calls make the same decisions in every process: where an order matters, none is taken
/// from a dictionary.
struct ConsumerStateMachine {
    struct Limits {
        /// Of one key: more waits in a lane.
        var keyShare = 32
        /// Of all partitions held here, but for those of keys that wait for long.
        var maxLanes = 1_024
        /// Pieces of work that wait for long: delayed, or held by a dead letter.
        var maxParked = 10_000
        /// Of the events of all work.
        var maxBytes = 64 << 20
        var capacities = 64...20_000
        var readEvents = 500
        /// A run of so long is one that others should know of.
        var longRun: Duration = .milliseconds(50)
        /// A partition in which members are still at work after so long does not leave: what waits in
        /// it would wait for their deadlines.
        var leavingTime: Duration = .seconds(6)
        /// And not before so long from then on.
        var stayingTime: Duration = .seconds(30)
        /// Cursors that moved without any work are stored so often.
        var cursorInterval: Duration = .seconds(2)
    }

    let consumer: Int32
    let node: String
    let limits: Limits
    private(set) var rules: ConsumerRules

    var partitions: [HeldPartition?] = Array(repeating: nil, count: Partition.count)
    var items: [Position: WorkItem] = [:]
    var keys: [WorkKey: KeyQueue] = [:]
    var members: [Int: ConsumerMember] = [:]
    var load = WorkLoad()
    /// Keys of which the first may be handed out.
    var line = TurnLine<WorkKey>()
    var due = DueHeap()
    /// For each partition the member that is asked first.
    var favourites: [Int?] = Array(repeating: nil, count: Partition.count)
    /// Members joined or left since: with thousands of them they are not chosen at each step.
    var favouritesAreStale = false
    var lanes = OpenLanes()
    /// The newest position that was heard of.
    var head: Position = .zero
    var turn = 0
    /// What was read in vain: it is not read again before something changed that it may wait for.
    var stuck: Set<Read> = []
    /// Nil while there is room to read on at ease.
    var crowding: Crowding?
    /// Of what was taken up last.
    var newestTenant: TenantID?
    /// When an event was taken up behind another tenant's, the last time.
    var tenantsChanged: Duration?
    var isDraining = false
    /// Nothing is read, and nothing handed out.
    var isPaused = false

    // What the next batch will tell.
    var changed: Set<Position> = []
    var heeded: [Position: Verdict.Action] = [:]
    /// Of the batch that is under way.
    var heedingUnderWay: Set<Position> = []
    /// Some of those are dead letters that are to be tried again.
    var isStoringRevivals = false
    /// Acted upon, and not known to be stored when remarks were read last: what was read of these
    /// may be what was acted upon.
    var alreadyHeeded: Set<Position> = []
    /// Taken since remarks were read last: another may have acted upon what was read of these.
    var takenSinceListening: Set<Int> = []
    var touched: Set<Int> = []
    var changedLanes: Set<LaneAt> = []
    var finished: [ConsumerBatch.Finish] = []
    var deadLetters: [ConsumerBatch.Failure] = []
    var records: [ConsumerBatch.Record] = []
    var changes: [ConsumerBatch.Change] = []
    var isDurable = false
    /// What the changes of the next batch and of the batch under way finish.
    var changing: [Position: WorkItem] = [:]
    var changingUnderWay: [Position: WorkItem] = [:]
    /// Being stored with the batch that is under way.
    var storing: [Position] = []
    var cursorsStoredAt: Duration = .zero
    /// When runs that take long were looked for last.
    var lookedForLongAt: Duration = .zero

    struct LaneAt: Hashable, Comparable {
        let partition: Int
        let scope: LaneScope

        static func < (one: LaneAt, other: LaneAt) -> Bool {
            let place = (one.partition, one.scope.tenant.rawValue)
            let otherPlace = (other.partition, other.scope.tenant.rawValue)
            guard place == otherPlace else { return place < otherPlace }
            return (one.scope.key ?? "").utf8.lexicographicallyPrecedes(
                (other.scope.key ?? "").utf8)
        }
    }

    init(
        consumer: Int32, node: String, rules: ConsumerRules, limits: Limits = Limits()
    ) {
        self.consumer = consumer
        self.node = node
        self.rules = rules
        self.limits = limits
    }

    /// The consumer was changed. Dead letters that held their keys and are not to any more let them
    /// go once the store has answered: what was said of them may not be heard yet.
    mutating func change(to rules: ConsumerRules) {
        self.rules = rules
        guard !rules.holdsKeys else { return }
        for item in sortedItems(where: { $0.state == .held }) { note(item.position) }
    }

    /// Changes a piece of work and everything that counts it.
    mutating func update(_ position: Position, _ change: (inout WorkItem) -> Void) {
        guard var item = items[position] else { return }
        let (wasBusy, waitedLong) = (item.isBusy, item.waitsLong)
        count(item, -1)
        change(&item)
        items[position] = item
        count(item, 1)
        if item.isBusy != wasBusy || item.waitsLong != waitedLong { noteFirst(of: item.key) }
        if let time = item.due { due.insert(position, at: time) }
        if !item.isBusy { queue(item.key) }
    }

    mutating func insert(_ item: WorkItem) {
        var item = item
        item.isBlocked = keys[item.key]?.isBlocked ?? false
        items[item.position] = item
        keys[item.key, default: KeyQueue()].insert(item.position)
        count(item, 1)
        noteFirst(of: item.key)
        if let time = item.due { due.insert(item.position, at: time) }
        queue(item.key)
    }

    /// The item is over, or another node's affair.
    mutating func remove(_ position: Position) {
        guard let item = items.removeValue(forKey: position) else { return }
        count(item, -1)
        changed.remove(position)
        heeded[position] = nil
        for (id, member) in members where member.reserved == position {
            members[id]?.reserved = nil
        }
        keys[item.key]?.remove(position)
        noteFirst(of: item.key)
        queue(item.key)
        forget(item.key)
    }

    /// Some of the work, in the order of positions.
    func sortedItems(where isIncluded: (WorkItem) -> Bool) -> [WorkItem] {
        items.values.filter(isIncluded).sorted { $0.position < $1.position }
    }

    /// Puts a key into the line if its first piece of work may be handed out.
    mutating func queue(_ key: WorkKey) {
        guard let queue = keys[key], !queue.isQueued, isEligible(queue) else { return }
        keys[key]?.isQueued = true
        line.append(key, of: key.tenant)
    }

    /// Of a key without work nothing is kept, once it has left the line: so it is there only once.
    mutating func forget(_ key: WorkKey) {
        guard let queue = keys[key], queue.isEmpty, !queue.isQueued else { return }
        keys[key] = nil
    }

    /// What stands behind the first of a key counts as that does: nothing of it can be handed out.
    private mutating func noteFirst(of key: WorkKey) {
        guard let queue = keys[key] else { return }
        let first = queue.first.flatMap { items[$0] }
        let isBlocked = queue.busy == 0 && first?.waitsLong == true
        guard isBlocked != queue.isBlocked else { return }
        keys[key]?.isBlocked = isBlocked
        noteLane(of: key, isBlocked: isBlocked)
        for position in queue.positions {
            guard var item = items[position] else { continue }
            load.count(item, -1)
            item.isBlocked = isBlocked
            items[position] = item
            load.count(item, 1)
        }
    }

    func isEligible(_ queue: KeyQueue) -> Bool {
        guard queue.busy == 0, let first = queue.first else { return false }
        return items[first]?.state == .waiting(until: nil)
    }

    private mutating func count(_ item: WorkItem, _ sign: Int) {
        load.count(item, sign)
        if item.isBusy {
            keys[item.key]?.busy += sign
            partitions[item.partition]?.busy += sign
            if case .handedOut(let handOut) = item.state {
                members[handOut.member]?.inFlight += sign
                if handOut.taken != nil { members[handOut.member]?.count(item.key.tenant, sign) }
            } else if case .storing(let member) = item.state {
                members[member]?.inFlight += sign
            }
        }
    }

    /// The next batch tells of it.
    mutating func note(_ position: Position) {
        guard let item = items[position] else { return }
        touched.insert(item.partition)
        if item.isWritten {
            changed.insert(position)
        } else if !item.isFresh {
            write(item)
        }
    }

    /// It gets a row.
    mutating func write(_ item: WorkItem) {
        items[item.position]?.isWritten = true
        changed.insert(item.position)
        touched.insert(item.partition)
        partitions[item.partition]?.goPast(item.position)
    }
}

/// What a consumer asks for, apart from its filter.
struct ConsumerRules: Sendable, Equatable {
    /// Later events of a dead letter's key wait.
    var holdsKeys: Bool
    var maxAttempts: Int
    /// Nil for members that live in this process: they answer, or are gone with the node.
    var ackDeadline: Duration?
    /// Several tenants' events come: none may fill the house.
    var isShared: Bool
    /// One event of a key at a time.
    var isOrdered = true

    init(
        holdsKeys: Bool, maxAttempts: Int, ackDeadline: Duration?, isShared: Bool,
        isOrdered: Bool = true
    ) {
        self.holdsKeys = holdsKeys
        self.maxAttempts = maxAttempts
        self.ackDeadline = ackDeadline
        self.isShared = isShared
        self.isOrdered = isOrdered
    }

    init(_ group: Group) {
        self.init(
            holdsKeys: group.ordering == .hold, maxAttempts: group.maxAttempts,
            ackDeadline: group.ackDeadline, isShared: group.filter.spansTenants)
    }

    /// Members live in this process.
    var isLocal: Bool { ackDeadline == nil }

    /// Several events of a key go to a member at once.
    var givesRuns: Bool { marksBegun && isOrdered }

    /// Work is counted by its partition's mark first. Not where one attempt is all there is: nothing
    /// may use it up but a run that was about to begin.
    var marksBegun: Bool { isLocal && maxAttempts > 1 }

    /// An event that was lost so often with its member is handed out alone, while there is an
    /// attempt left to find out that it was not to blame.
    var lostBeforeAlone: Int { min(3, max(1, maxAttempts - 1)) }
}

extension EventFilter {
    fileprivate var spansTenants: Bool {
        switch tenants {
        case .all: true
        case .only(let tenants): tenants.count > 1
        }
    }
}
