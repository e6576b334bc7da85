@testable import Events

/// Three nodes, their members and one store; ``fault`` is the first promise that was broken.
struct ConsumerWorld {
    private(set) var fault: String?
    private var random: SeededGenerator
    private let rules: ConsumerRules
    private var log: [RecordedEvent] = []
    private var store = StoreModel()
    private var nodes: [ModelNode] = []
    private var handed: [HandedOut] = []
    /// Acknowledged, and answered so.
    private var acknowledged: Set<Position> = []
    /// Ever.
    private var gaveUp: Set<Position> = []
    private var now: Duration = .zero
    private var generation = 0
    /// Of all that was handed out: two runs that agree in it went the same way.
    private(set) var digest: UInt64 = 0

    init(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        rules = ConsumerRules(
            holdsKeys: random.next() % 2 == 0, maxAttempts: Int.random(in: 1...6, using: &random),
            ackDeadline: .seconds(10), isShared: random.next() % 3 > 0)
        self.random = random
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

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &random) == 0
    }

    private mutating func fail(_ text: String) { fault = fault ?? text }

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
        case 98 where chance(20): store.crash()
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
        if chance(3) {
            for index in nodes.indices { nodes[index].machine.head = head }
        }
    }

    private var head: Position { Position(UInt64(log.count)) }

    private mutating func read(_ index: Int) {
        if let read = nodes[index].read, let page = nodes[index].page {
            nodes[index].machine.took(read, page)
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

    private mutating func count(
        _ tokens: [AckToken], in batch: ConsumerBatch, _ answer: BatchAnswer
    ) {
        let stored = Set(batch.finished.map(\.position))
        for token in tokens
        where stored.contains(token.position) && !answer.refused.contains(token.partition) {
            accept(token.position)
        }
    }

    private mutating func accept(_ position: Position) {
        acknowledged.insert(position)
    }

    private mutating func pull(_ index: Int) {
        guard let member = member(of: index) else { return }
        let items = nodes[index].machine.pull(
            member, limit: 5, maxBytes: 1 << 20, now: now,
            wall: Timestamp(microseconds: 0))
        for item in items {
            guard let event = item.event else { return fail("a delivery without its event") }
            for part in [item.position.rawValue, UInt64(item.ticket), UInt64(member)] {
                digest = (digest ^ part) &* 0x100_0000_01b3
            }
            let partition = store.tables.partitions[item.partition]
            let isStored =
                nodes[index].isStored
                && nodes[index].batch?.shares.contains { $0.partition == item.partition } == true
            let serial = nodes[index].machine.partitions[item.partition]?.serial ?? 0
            if partition.fence == item.fence, partition.holder == nodes[index].name,
                partition.serial == serial + (isStored ? 1 : 0)
            {
                checkDelivery(item, event, member, nodes[index])
            }
            handed.append(
                HandedOut(
                    token: AckToken(
                        consumer: 1, partition: item.partition, fence: item.fence,
                        position: item.position, ticket: item.ticket),
                    event: event, node: index))
        }
        if handed.count > 60 { handed.removeFirst(20) }
    }

    private mutating func checkDelivery(
        _ item: WorkItem, _ event: RecordedEvent, _ member: Int, _ node: ModelNode
    ) {
        if item.attempt > rules.maxAttempts { fail("\(item.position) had too many attempts") }
        // What a crash of the store takes back was answered by nobody.
        if acknowledged.contains(item.position), !item.isRevived {
            fail("\(item.position) came again after it was acknowledged")
        }
        if !item.isRevived {
            for earlier in log[..<Int(event.position.rawValue - 1)].suffix(200)
            where earlier.partitionKey == event.partitionKey && earlier.tenant == event.tenant {
                let isHeld =
                    rules.holdsKeys && store.tables.deadLetters.contains(earlier.position)
                let isOver =
                    (store.isOver(earlier) && !isHeld)
                    || (!rules.holdsKeys && gaveUp.contains(earlier.position))
                if !isOver { fail("\(item.position) came before \(earlier.position)") }
            }
        }
        if item.lost >= rules.lostBeforeAlone, node.machine.members[member]?.inFlight != 1 {
            fail("\(item.position) was not alone")
        }
    }

    private mutating func answer() {
        guard let one = handed.randomElement(using: &random) else { return }
        let actions: [Verdict.Action] = [
            .ack, .ack, .ack, .ack, .ack, .ack, .retry, .deadLetter, .extend, .release,
        ]
        var verdict = Verdict(actions.randomElement(using: &random) ?? .ack)
        if chance(3) {
            verdict = Verdict(
                verdict.action, delay: .seconds(Int.random(in: 1...20, using: &random)))
        }
        let answer = TokenAnswer(token: one.token, verdict: verdict)
        let index = chance(6) ? Int.random(in: 0..<nodes.count, using: &random) : one.node
        switch nodes[index].machine.settle(one.token, verdict, now: now) {
        case .pending:
            if verdict.action == .ack { nodes[index].waiting.append(one.token) }
        case .elsewhere:
            if store.remark(answer), verdict.action == .ack { accept(one.token.position) }
        case .done, .expired: break
        }
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
    }

    private mutating func member(of index: Int) -> Int? {
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
            nodes[index].remarks = store.remarks(in: nodes[index].machine.held)
            if chance(2) { return }
        }
        for remark in nodes[index].remarks ?? [] {
            nodes[index].machine.heed(
                remark, event: log[Int(remark.work.position.rawValue - 1)], now: now)
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
        store.resolve(log[Int(position.rawValue - 1)], chance(2) ? .revive : .discard)
    }

    private mutating func crash(_ index: Int) {
        store.alive.remove(nodes[index].name)
        nodes[index] = makeNode()
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
