@testable import Events

/// A consumer's work on one node with one member, which answers one event after another.
struct WorkBench {
    private var rules: ConsumerRules
    private let limits: ConsumerStateMachine.Limits
    private var nodes = 0
    private(set) var machine: ConsumerStateMachine
    private(set) var store = StoreModel()
    private(set) var log: [RecordedEvent] = []
    private var now: Duration = .zero

    init(
        holdsKeys: Bool = false, isShared: Bool = false,
        _ change: (inout ConsumerStateMachine.Limits) -> Void = { _ in }
    ) {
        rules = ConsumerRules(
            holdsKeys: holdsKeys, maxAttempts: 5, ackDeadline: .seconds(3_600), isShared: isShared)
        var limits = ConsumerStateMachine.Limits()
        change(&limits)
        self.limits = limits
        machine = ConsumerStateMachine(consumer: 1, node: "", rules: rules, limits: limits)
        replaceNode()
    }

    /// The node dies; another one takes over what the store has.
    mutating func replaceNode() {
        store.alive.removeAll()
        nodes += 1
        let name = "node-\(nodes)"
        store.alive.insert(name)
        machine = ConsumerStateMachine(consumer: 1, node: name, rules: rules, limits: limits)
        machine.head = Position(UInt64(log.count))
        for taken in store.take(Array(0..<Partition.count), node: name) {
            var events: [Position: RecordedEvent] = [:]
            for work in taken.work { events[work.position] = event(work.position) }
            machine.granted(taken, events: events, now: now)
        }
        join(1)
    }

    mutating func join(_ member: Int) { machine.join(member, maxInFlight: 1) }

    mutating func leave(_ member: Int) { machine.leave(member, now: now) }

    /// The group was changed.
    mutating func allow(attempts: Int) {
        rules.maxAttempts = attempts
        machine.rules = rules
    }

    mutating func publish(_ key: String, tenant: String = "acme", count: Int = 1) {
        let tenant = TenantID(unchecked: tenant)
        for _ in 0..<count {
            log.append(
                .sample(
                    at: Position(UInt64(log.count + 1)), tenant: tenant, key: key,
                    partition: Partition.of(tenant: tenant, key: key)))
        }
        machine.head = Position(UInt64(log.count))
    }

    func event(_ position: Position) -> RecordedEvent { log[Int(position.rawValue) - 1] }

    /// What comes next; nil when nothing does before something is said.
    mutating func next(_ member: Int = 1) -> WorkItem? {
        while true {
            let hasRead = read()
            let hasStored = writeBatch()
            let items = machine.pull(
                member, limit: 1, maxBytes: 1, now: now, wall: Timestamp(microseconds: 0))
            if let item = items.first { return item }
            if !hasRead, !hasStored { return nil }
        }
    }

    @discardableResult mutating func answer(
        _ item: WorkItem, _ action: Verdict.Action = .ack
    ) -> ConsumerStateMachine.Settlement {
        machine.settle(Self.token(item), Verdict(action), now: now)
    }

    /// On another node.
    mutating func remark(_ item: WorkItem, _ action: Verdict.Action) {
        _ = store.remark(TokenAnswer(token: Self.token(item), verdict: Verdict(action)))
    }

    private static func token(_ item: WorkItem) -> AckToken {
        AckToken(
            consumer: 1, partition: item.partition, fence: item.fence, position: item.position,
            ticket: item.ticket)
    }

    /// Acknowledges what comes until nothing does, or so many did.
    mutating func work(_ limit: Int = .max) -> [RecordedEvent] {
        var done: [RecordedEvent] = []
        while done.count < limit, let item = next() {
            done.append(event(item.position))
            answer(item)
        }
        // What was said last.
        now += .seconds(5)
        _ = writeBatch()
        return done
    }

    /// Tries a dead letter again, or lets it go.
    mutating func resolve(_ position: Position, _ action: Verdict.Action) {
        store.resolve(event(position), action)
        hear()
    }

    /// Tries a dead letter again; nobody has heard of it yet.
    mutating func revive(_ position: Position) { store.resolve(event(position), .revive) }

    /// Lets a dead letter go; nobody has heard of it yet.
    mutating func discard(_ position: Position) { store.resolve(event(position), .discard) }

    mutating func hear() { heed(listen()) }

    mutating func listen() -> [Remark] {
        machine.listen()
        return store.remarks(in: machine.held)
    }

    mutating func heed(_ remarks: [Remark]) {
        for remark in remarks {
            machine.heed(remark, event: event(remark.work.position), now: now)
        }
    }

    /// Lanes of all partitions, as the store has them.
    var storedLanes: Set<LaneScope> {
        Set(store.tables.partitions.flatMap { $0.lanes.keys })
    }

    private mutating func read() -> Bool {
        var hasRead = false
        while true {
            let read = machine.nextRead()
            switch read {
            case .none, .wait: return hasRead
            case .main(let after, let through): take(read, after, through, nil)
            case .lane(let scope, let after, let through): take(read, after, through, scope.tenant)
            }
            hasRead = true
        }
    }

    private mutating func take(
        _ read: ConsumerStateMachine.Read, _ after: Position, _ through: Position,
        _ tenant: TenantID?
    ) {
        let end = min(through, Position(UInt64(log.count)))
        let found = log[Int(after.rawValue)..<Int(max(after, end).rawValue)].filter {
            tenant == nil || $0.tenant == tenant
        }
        let events = Array(found.prefix(machine.readLimit))
        let scanned = events.count < found.count ? events.last?.position ?? end : end
        machine.took(
            read,
            EventPage(
                events: events, scannedThrough: max(after, scanned), head: machine.head, epoch: 1))
    }

    private mutating func writeBatch() -> Bool {
        guard let batch = takeBatch() else { return false }
        answered(batch, commit(batch))
        return true
    }

    mutating func takeBatch() -> ConsumerBatch? { machine.takeBatch(now: now) }

    mutating func commit(_ batch: ConsumerBatch) -> BatchAnswer { store.commit(batch) }

    mutating func answered(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        _ = machine.answered(batch, answer, now: now)
    }
}
