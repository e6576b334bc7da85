import TestSupport

@testable import Events

/// Three nodes, their members and one store; ``fault`` is the first promise that was broken.
struct ConsumerWorld {
    var fault: String? { broken ?? store.fault }
    var broken: String?
    var random: SeededGenerator
    let rules: ConsumerRules
    var log: [RecordedEvent] = []
    var store = StoreModel()
    var nodes: [ModelNode] = []
    var handed: [HandedOut] = []
    /// Acknowledged, and answered so.
    var acknowledged: Set<Position> = []
    /// Ever.
    var gaveUp: Set<Position> = []
    /// Under which fence an event was said to be over; that need not be stored.
    var settled: [Position: Int64] = [:]
    /// Attempts that began, of events of which nothing was said since.
    var begun: [Position: Int] = [:]
    var now: Duration = .zero
    var generation = 0
    /// Of all that was handed out: two runs that agree in it went the same way.
    var digest: UInt64 = 0

    /// - Parameter isLocal: Members live in their nodes, as handlers do.
    init(seed: UInt64, isLocal: Bool = false) {
        var random = SeededGenerator(seed: seed)
        rules = ConsumerRules(
            holdsKeys: random.next() % 2 == 0, maxAttempts: Int.random(in: 1...6, using: &random),
            ackDeadline: isLocal ? nil : .seconds(10), isShared: random.next() % 3 > 0,
            isOrdered: !isLocal || random.next() % 4 > 0)
        self.random = random
        store.isLocal = isLocal
        for _ in 0..<3 { nodes.append(makeNode()) }
    }

    private mutating func makeNode() -> ModelNode {
        generation += 1
        let name = "node-\(generation)"
        store.alive.insert(name)
        var limits = ConsumerStateMachine.Limits()
        limits.keyShare = 3
        limits.maxLanes = 12
        limits.maxParked = 20
        limits.capacities = 4...24
        limits.readEvents = 7
        return ModelNode(
            name: name,
            machine: ConsumerStateMachine(
                consumer: 1, node: name, rules: rules, limits: limits))
    }

    mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &random) == 0
    }

    mutating func fail(_ text: String) { broken = broken ?? text }

    // MARK: Steps

    mutating func step() {
        let index = Int.random(in: 0..<nodes.count, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12: publish()
        case 12..<26: read(index)
        case 26..<46: work(index)
        case 46..<58: pull(index)
        case 58..<76: answer()
        case 76..<80: pass(.seconds(Int.random(in: 0...4, using: &random)))
        case 80..<85: join(index)
        case 85..<87: leave(index)
        case 87..<91: take(index)
        case 91..<94: hear(index)
        case 94: giveAway(index)
        case 95: resolve()
        case 96 where chance(20): crash(index)
        case 97 where chance(20): pause(index)
        case 98 where chance(20): crashStore()
        case 99 where chance(40): drain(index)
        case 99 where chance(4): lose(index)
        default: break
        }
        if chance(50), let text = nodes[index].machine.inconsistency { fail(text) }
    }

    private mutating func publish() {
        let tenants = ["big", "big", "big", "small", "tiny"]
        let tenant = TenantID(unchecked: tenants.randomElement(using: &random) ?? "big")
        let keys = tenant.rawValue == "big" ? 6 : 2
        let key = "k\(Int.random(in: 0..<keys, using: &random))"
        log.append(
            .sample(
                at: Position(UInt64(log.count + 1)), tenant: tenant, key: key,
                partition: Partition.of(tenant: tenant, key: key)))
        if rules.isLocal, chance(30) { store.unacceptable.insert(head) }
        if chance(3) {
            for index in nodes.indices { nodes[index].machine.head = head }
        }
    }

    var head: Position { Position(UInt64(log.count)) }

    private mutating func read(_ index: Int) {
        if let read = nodes[index].read, let page = nodes[index].page {
            nodes[index].machine.took(
                read, page, now: now, wall: Timestamp(microseconds: 0))
            nodes[index].read = nil
            nodes[index].page = nil
            return
        }
        let read = nodes[index].machine.nextRead()
        let limit = nodes[index].machine.readLimit
        switch read {
        case .none, .wait: return
        case .main(let after, let through):
            nodes[index].page = page(after, through, limit, nil)
        case .lane(let scope, let after, let through):
            nodes[index].page = page(after, through, limit, scope.tenant)
        }
        nodes[index].read = read
    }

    /// As the tail, it may know nothing of where to stop.
    private mutating func page(
        _ after: Position, _ through: Position, _ limit: Int, _ tenant: TenantID?
    ) -> EventPage {
        let end = chance(2) ? head : min(head, through)
        var events: [RecordedEvent] = []
        var scanned = max(after, end)
        for event in log[Int(after.rawValue)..<Int(max(after, end).rawValue)]
        where tenant == nil || event.tenant == tenant {
            events.append(event)
            if events.count == limit {
                scanned = event.position
                break
            }
        }
        return EventPage(events: events, scannedThrough: scanned, head: head, epoch: 1)
    }

    /// One half of storing a batch: taking and recording it, or hearing of it.
    private mutating func work(_ index: Int) {
        if let batch = nodes[index].batch {
            let answer = nodes[index].answer ?? store.commit(batch)
            gaveUp.formUnion(batch.deadLetters.map(\.position))
            nodes[index].isStored = true
            if chance(20) {
                // The connection is lost.
                nodes[index].batch?.isRepeated = true
                nodes[index].answer = nil
                return
            }
            if !answer.unacceptable.isEmpty {
                nodes[index].suspects.formUnion(answer.unacceptable)
                nodes[index].batch = nodes[index].machine.retract(
                    answer.unacceptable, from: batch, now: now)
                nodes[index].isStored = false
                forgetTakenBack(by: index)
                return
            }
            nodes[index].answer = answer
            if chance(3) { return }
            nodes[index].isStored = false
            nodes[index].batch = nil
            nodes[index].answer = nil
            _ = nodes[index].machine.answered(batch, answer, now: now)
            count(nodes[index].underWay, in: batch, answer)
            nodes[index].underWay = []
            return
        }
        nodes[index].underWay = nodes[index].waiting
        nodes[index].waiting = []
        nodes[index].batch = nodes[index].machine.takeBatch(now: now)
        if nodes[index].batch == nil { nodes[index].underWay = [] }
    }

    /// What a node has may be what it took back, unless the store knows of another holder.
    private mutating func forgetTakenBack(by index: Int) {
        for item in nodes[index].machine.items.values
        where !item.isBusy
            && nodes[index].machine.partitions[item.partition]?.fence
                == store.tables.partitions[item.partition].fence
        {
            settled[item.position] = nil
            begun[item.position] = nil
        }
    }

    private mutating func count(
        _ tokens: [AckToken], in batch: ConsumerBatch, _ answer: BatchAnswer
    ) {
        let stored = Set(batch.finished.map(\.position))
        for token in tokens
        where stored.contains(token.position) && !answer.refused.contains(token.partition) {
            accept(token.position)
        }
    }

    mutating func accept(_ position: Position) {
        acknowledged.insert(position)
    }

    private mutating func pass(_ time: Duration) {
        now += time
        for index in nodes.indices { nodes[index].machine.tick(now: now) }
    }

    private mutating func join(_ index: Int) {
        guard nodes[index].machine.members.count < 3 else { return }
        nodes[index].members += 1
        nodes[index].machine.join(
            nodes[index].members, maxInFlight: Int.random(in: 1...6, using: &random))
    }

    private mutating func leave(_ index: Int) {
        guard let member = member(of: index) else { return }
        nodes[index].machine.leave(member, now: now)
        // What it was at ends with it.
        if rules.isLocal {
            handed.removeAll { $0.name == nodes[index].name && $0.member == member }
        }
    }

    mutating func member(of index: Int) -> Int? {
        nodes[index].machine.members.keys.sorted().randomElement(using: &random)
    }

    private mutating func take(_ index: Int) {
        guard !nodes[index].machine.isDraining, store.alive.contains(nodes[index].name) else {
            return
        }
        if !nodes[index].taken.isEmpty { return grant(index) }
        let machine = nodes[index].machine
        var wanted = (0..<Partition.count).filter { machine.partitions[$0] == nil }
        if chance(2) { wanted = wanted.filter { _ in random.next() % 3 == 0 } }
        nodes[index].taken = store.take(wanted, node: nodes[index].name)
        if chance(2) { grant(index) }
    }

    private mutating func grant(_ index: Int) {
        for taken in nodes[index].taken {
            var events: [Position: RecordedEvent] = [:]
            for work in taken.work {
                events[work.position] = log[Int(work.position.rawValue - 1)]
            }
            nodes[index].machine.granted(
                taken, events: events, now: now, wall: Timestamp(microseconds: 0))
        }
        nodes[index].taken = []
    }

    private mutating func hear(_ index: Int) {
        if nodes[index].remarks == nil {
            nodes[index].machine.listen()
            let machine = nodes[index].machine
            nodes[index].remarks =
                store.remarks(in: machine.held)
                + store.revivals(in: machine.held, machine.revivalRoom)
            if chance(2) { return }
        }
        for remark in nodes[index].remarks ?? [] {
            nodes[index].machine.heed(
                remark, event: log[Int(remark.work.position.rawValue - 1)], now: now)
            // A dead letter that was let go while somebody was at it is over at once.
            noteEnd(of: remark.work.position, in: remark.partition, by: index)
        }
        nodes[index].remarks = nil
    }

    /// Some of what it holds is taken for another's.
    private mutating func lose(_ index: Int) {
        guard let lost = nodes[index].machine.held.randomElement(using: &random) else { return }
        nodes[index].machine.drop(lost)
    }

    private mutating func giveAway(_ index: Int) {
        let some = nodes[index].machine.held.filter { _ in random.next() % 4 == 0 }
        nodes[index].machine.giveAway(some, now: now)
    }

    private mutating func resolve() {
        let deadLetters = store.tables.deadLetters.sorted()
        guard let position = deadLetters.randomElement(using: &random) else { return }
        acknowledged.remove(position)
        begun[position] = nil
        store.resolve(log[Int(position.rawValue - 1)], chance(2) ? .revive : .discard)
    }

    private mutating func crash(_ index: Int) {
        store.alive.remove(nodes[index].name)
        nodes[index] = makeNode()
    }

    private mutating func crashStore() {
        store.crash()
        // Hand-outs that nobody waited for may be gone.
        begun = [:]
    }

    /// It is taken for dead, and goes on.
    private mutating func pause(_ index: Int) {
        store.alive.remove(nodes[index].name)
        for other in nodes.indices where other != index { take(other) }
        store.alive.insert(nodes[index].name)
    }

    private mutating func drain(_ index: Int) {
        nodes[index].machine.drain(now: now)
        for _ in 0..<20 { work(index) }
        crash(index)
    }

    // MARK: The end

    /// Everybody answers everything: nothing may be left.
    mutating func settle() {
        handed = []
        for index in nodes.indices where nodes[index].machine.isDraining { crash(index) }
        let last = nodes.count - 1
        for index in 0..<last { store.alive.remove(nodes[index].name) }
        if rules.isLocal {
            // Nothing but the loss of a member ends what it forgot.
            for member in nodes[last].machine.members.keys.sorted() {
                nodes[last].machine.leave(member, now: now)
            }
        }
        if nodes[last].machine.members.isEmpty { join(last) }
        for round in 0..<40_000 where fault == nil {
            nodes[last].machine.head = head
            if round % 50 == 0 { take(last) }
            if round % 10 == 0 { hear(last) }
            if round % 200 == 0 { pass(.seconds(5)) }
            for position in store.tables.deadLetters.sorted() {
                acknowledged.remove(position)
                if round % 500 == 0 { store.resolve(log[Int(position.rawValue - 1)], .discard) }
            }
            read(last)
            work(last)
            for member in nodes[last].machine.members.keys.sorted() {
                let items = nodes[last].machine.pull(
                    member, limit: 100, maxBytes: 1 << 20, now: now,
                    wall: Timestamp(microseconds: 0))
                for item in items {
                    let token = AckToken(
                        consumer: 1, partition: item.partition, fence: item.fence,
                        position: item.position, ticket: item.ticket)
                    settled[item.position] = item.fence
                    _ = nodes[last].machine.settle(token, Verdict(.ack), now: now)
                }
            }
            if round % 100 == 0, log.allSatisfy({ store.isOver($0) }) { return }
        }
        let left = log.filter { !store.isOver($0) }
        let example = left.first.map { "\($0.position) of \($0.partition)" } ?? ""
        fail("\(left.count) of \(log.count) were never finished: \(example)")
    }
}
