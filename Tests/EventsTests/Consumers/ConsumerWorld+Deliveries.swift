@testable import Events

// What members are handed, and what they say.
extension ConsumerWorld {
    mutating func pull(_ index: Int) {
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
                begun[item.position] = item.attempt
            }
            handed.append(
                HandedOut(
                    token: AckToken(
                        consumer: 1, partition: item.partition, fence: item.fence,
                        position: item.position, ticket: item.ticket),
                    event: event, node: index, name: nodes[index].name, member: member))
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
        if store.tables.over.contains(item.position), !item.isRevived {
            fail("\(item.position) came again after it was over")
        }
        if rules.isLocal, item.attempt <= begun[item.position, default: 0] {
            fail("attempt \(item.attempt) of \(item.position) began twice")
        }
        if !item.isRevived, rules.isOrdered {
            for earlier in log[..<Int(event.position.rawValue - 1)].suffix(200)
            where earlier.partitionKey == event.partitionKey && earlier.tenant == event.tenant {
                let isHeld =
                    rules.holdsKeys && store.tables.deadLetters.contains(earlier.position)
                let isOver =
                    (store.isOver(earlier) && !isHeld)
                    || (rules.isLocal && settled[earlier.position] == item.fence)
                    || (!rules.holdsKeys && gaveUp.contains(earlier.position))
                if !isOver { fail("\(item.position) came before \(earlier.position)") }
            }
        }
        if item.lost >= rules.lostBeforeAlone, node.machine.members[member]?.inFlight != 1 {
            fail("\(item.position) was not alone")
        }
    }

    mutating func answer() {
        guard let one = handed.randomElement(using: &random) else { return }
        let actions: [Verdict.Action] = [
            .ack, .ack, .ack, .ack, .ack, .ack, .retry, .deadLetter,
            rules.isLocal ? .ack : .extend, .release,
        ]
        var verdict = Verdict(actions.randomElement(using: &random) ?? .ack)
        if chance(3) {
            verdict = Verdict(
                verdict.action, delay: .seconds(Int.random(in: 1...20, using: &random)))
        }
        if rules.isLocal { return answerHere(one, verdict) }
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

    /// What lives in a node answers once, to its node, which takes it while it has the partition.
    private mutating func answerHere(_ one: HandedOut, _ verdict: Verdict) {
        handed.removeAll { $0.token == one.token }
        let index = one.node
        let position = one.token.position
        guard nodes[index].name == one.name,
            nodes[index].machine.partitions[one.token.partition]?.fence == one.token.fence
        else { return }
        var verdict = verdict
        let isSuspect = nodes[index].suspects.contains(position)
        if isSuspect { verdict = Verdict(.deadLetter) }
        let changes = store.unacceptable.contains(position) || chance(2) ? [Self.change] : []
        let isDurable = chance(2)
        let settlement = nodes[index].machine.settle(
            one.token, verdict, changes: changes, isDurable: isDurable, now: now)
        guard settlement == .pending else { return }
        begun[position] = nil
        nodes[index].suspects.remove(position)
        if verdict.action == .ack, isDurable, changes.isEmpty {
            nodes[index].waiting.append(one.token)
        }
        noteEnd(of: position, in: one.token.partition, by: index)
    }

    /// What its holder says to be over, though it is not stored yet.
    mutating func noteEnd(of position: Position, in partition: Int, by index: Int) {
        guard nodes[index].machine.items[position] == nil,
            let fence = nodes[index].machine.partitions[partition]?.fence
        else { return }
        settled[position] = max(settled[position] ?? 0, fence)
    }

    private static let change = ProjectionChange(ProjectionChange.Name(rawValue: "change"), [])
}
