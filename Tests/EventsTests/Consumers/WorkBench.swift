@testable import Events

/// A consumer's work on one node with one member, which answers one event after another.
struct WorkBench {
    private var rules: ConsumerRules
    private let limits: ConsumerStateMachine.Limits
    private let maxInFlight: Int
    private var nodes = 0
    private(set) var machine: ConsumerStateMachine
    private(set) var store = StoreModel()
    private(set) var log: [RecordedEvent] = []
    private(set) var now: Duration = .zero

    init(
        holdsKeys: Bool = false, isShared: Bool = false, isLocal: Bool = false,
        maxInFlight: Int = 1, _ change: (inout ConsumerStateMachine.Limits) -> Void = { _ in }
    ) {
        rules = ConsumerRules(
            holdsKeys: holdsKeys, maxAttempts: 5, ackDeadline: isLocal ? nil : .seconds(3_600),
            isShared: isShared)
        self.maxInFlight = maxInFlight
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
        takeAll(name)
        join(1)
    }

    private mutating func takeAll(_ name: String) {
        machine.head = Position(UInt64(log.count))
        for taken in store.take(Array(0..<Partition.count), node: name) {
            var events: [Position: RecordedEvent] = [:]
            for work in taken.work { events[work.position] = event(work.position) }
            machine.granted(
                taken, events: events, now: now, wall: Timestamp(microseconds: 0))
        }
    }

    /// It is taken for dead, another node does some of the work, and it takes all back.
    mutating func beAway(_ meanwhile: (inout WorkBench) -> Void) {
        let away = machine
        replaceNode()
        meanwhile(&self)
        store.alive.removeAll()
        store.alive.insert(away.node)
        machine = away
        for index in machine.held { machine.drop(index) }
        takeAll(away.node)
    }

    mutating func join(_ member: Int) { machine.join(member, maxInFlight: maxInFlight) }

    mutating func leave(_ member: Int) { machine.leave(member, now: now) }

    /// The group was changed.
    mutating func allow(attempts: Int) {
        rules.maxAttempts = attempts
        machine.change(to: rules)
    }

    /// The group was changed: no tenant is to hold up another.
    mutating func share() {
        rules.isShared = true
        machine.change(to: rules)
    }

    /// The group was changed: its keys are not to be held any more.
    mutating func letKeysGo() {
        rules.holdsKeys = false
        machine.change(to: rules)
    }

    mutating func giveAway(_ partition: Int) { machine.giveAway([partition], now: now) }

    mutating func keep(_ partition: Int) { machine.keep([partition], until: .zero) }

    mutating func publish(
        _ key: String, tenant: String = "acme", count: Int = 1, bytes: Int = 0
    ) {
        let tenant = TenantID(unchecked: tenant)
        for _ in 0..<count {
            log.append(
                .sample(
                    at: Position(UInt64(log.count + 1)), tenant: tenant, key: key,
                    partition: Partition.of(tenant: tenant, key: key), bytes: bytes))
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

    /// What comes next.
    mutating func following() throws -> WorkItem {
        guard let item = next() else { throw Nothing() }
        return item
    }

    /// What comes next without anything stored before.
    mutating func ready() throws -> WorkItem {
        let items = machine.pull(
            1, limit: 1, maxBytes: 1, now: now, wall: Timestamp(microseconds: 0))
        guard let item = items.first else { throw Nothing() }
        return item
    }

    /// What changed, after all that may be was read.
    mutating func batch() throws -> ConsumerBatch {
        _ = read()
        guard let batch = takeBatch() else { throw Nothing() }
        return batch
    }

    struct Nothing: Error {}

    @discardableResult mutating func answer(
        _ item: WorkItem, _ action: Verdict.Action = .ack
    ) -> ConsumerStateMachine.Settlement {
        machine.settle(Self.token(item), Verdict(action), now: now)
    }

    /// On another node.
    mutating func remark(_ item: WorkItem, _ action: Verdict.Action) {
        _ = store.remark(TokenAnswer(token: Self.token(item), verdict: Verdict(action)))
    }

    /// A projection's answer.
    mutating func change(_ item: WorkItem) {
        _ = machine.settle(
            Self.token(item), Verdict(.ack),
            changes: [ProjectionChange(ProjectionChange.Name(rawValue: "change"), [])],
            isDurable: false, now: now)
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
            + store.revivals(in: machine.held, machine.revivalRoom)
    }

    mutating func heed(_ remarks: [Remark]) {
        for remark in remarks {
            machine.heed(remark, event: event(remark.work.position), now: now)
        }
    }

    /// Retention dropped their events.
    mutating func heedWithoutEvents(_ remarks: [Remark]) {
        for remark in remarks { machine.heed(remark, event: nil, now: now) }
    }

    mutating func pause(_ isPaused: Bool) { machine.pause(isPaused) }

    mutating func drain() { machine.drain(now: now) }

    /// Lanes of all partitions, as the store has them.
    var storedLanes: Set<LaneScope> {
        Set(store.tables.partitions.flatMap { $0.lanes.keys })
    }

    private mutating func read() -> Bool {
        var hasRead = false
        while readOnce() { hasRead = true }
        return hasRead
    }

    /// How often something was read until there was nothing to be read, or so often.
    mutating func reads(limit: Int) -> Int {
        var count = 0
        while count < limit, readOnce() { count += 1 }
        return count
    }

    /// What would be read so many times.
    mutating func plan(_ count: Int) -> [ConsumerStateMachine.Read] {
        (0..<count).map { _ in machine.nextRead() }
    }

    private mutating func readOnce() -> Bool {
        let read = machine.nextRead()
        switch read {
        case .none, .wait: return false
        case .main(let after, let through): take(read, after, through, nil)
        case .lane(let scope, let after, let through): take(read, after, through, scope.tenant)
        }
        return true
    }

    private mutating func take(
        _ read: ConsumerStateMachine.Read, _ after: Position, _ through: Position,
        _ tenant: TenantID?
    ) {
        let end = min(through, Position(UInt64(log.count)))
        var events: [RecordedEvent] = []
        var scanned = max(after, end)
        for event in log[Int(after.rawValue)..<Int(scanned.rawValue)]
        where tenant == nil || event.tenant == tenant {
            guard events.count < machine.readLimit else {
                scanned = events.last?.position ?? after
                break
            }
            events.append(event)
        }
        machine.took(
            read,
            EventPage(
                events: events, scannedThrough: scanned, head: machine.head, epoch: 1),
            now: now, wall: Timestamp(microseconds: 0))
    }

    /// Events with a row in the store.
    var storedWork: [Position] {
        store.tables.partitions.flatMap { $0.work.keys }.sorted()
    }

    /// What lies ready, without anything stored before.
    mutating func pull() -> [WorkItem] {
        machine.pull(1, limit: .max, maxBytes: .max, now: now, wall: Timestamp(microseconds: 0))
    }

    /// Stores what changed.
    mutating func write() { _ = writeBatch() }

    private mutating func writeBatch() -> Bool {
        guard let batch = takeBatch() else { return false }
        answered(batch, commit(batch))
        return true
    }

    mutating func takeBatch() -> ConsumerBatch? { machine.takeBatch(now: now) }

    mutating func retract(
        _ refused: Set<Position>, from batch: ConsumerBatch
    ) -> ConsumerBatch {
        machine.retract(refused, from: batch, now: now)
    }

    /// It failed, and is to be tried again after so long.
    mutating func delay(_ item: WorkItem, _ delay: Duration) {
        _ = machine.settle(Self.token(item), Verdict(.retry, delay: delay), now: now)
    }

    mutating func wait(_ time: Duration) {
        now += time
        machine.tick(now: now)
    }

    /// As a member with places for runs begins with what it may.
    mutating func begin(limit: Int, places: Int) -> [WorkItem] {
        while read() || writeBatch() {}
        return machine.pull(
            1, limit: limit, maxBytes: .max, places: places, now: now,
            wall: Timestamp(microseconds: 0))
    }

    /// One page, one batch, and what may begin then.
    mutating func step(limit: Int, places: Int) -> [WorkItem] {
        _ = readOnce()
        _ = writeBatch()
        return machine.pull(
            1, limit: limit, maxBytes: .max, places: places, now: now,
            wall: Timestamp(microseconds: 0))
    }

    mutating func commit(_ batch: ConsumerBatch) -> BatchAnswer { store.commit(batch) }

    mutating func answered(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        _ = machine.answered(batch, answer, now: now)
    }
}
