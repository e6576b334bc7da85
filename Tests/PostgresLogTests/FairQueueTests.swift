import Events
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct FairQueueTests {
    private static func append(
        _ account: String, events: Int = 1, bytes: Int = 3, id: EventID? = nil
    ) -> PreparedAppend {
        let events = (0..<events).map { _ in
            NewEvent.test(id: id, tenant: account, data: [UInt8](repeating: 0, count: bytes))
        }
        do {
            return try PreparedAppend(AppendRequest(events: events), .ones(events.count))
        } catch {
            preconditionFailure("no id is twice in it")
        }
    }

    private static func queue(_ change: (inout BatchQueue.Limits) -> Void = { _ in }) -> BatchQueue
    {
        var limits = BatchQueue.Limits()
        change(&limits)
        return BatchQueue(limits: limits)
    }

    @Test func `one request behind a burst travels with the next batch`() {
        var queue = Self.queue()
        for ticket in 1...20_000 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: Self.append("greedy")))
        }
        _ = queue.add(.init(ticket: 30_000, append: Self.append("modest")))
        let batch = queue.next()
        #expect(batch?.contains { $0.ticket == 30_000 } == true)
        #expect(batch?.count == 1_000)
    }

    @Test func `accounts that all have much get equal parts, whatever their requests' sizes`() {
        var queue = Self.queue()
        let accounts = ["single", "hundreds", "thousands"]
        for (account, size) in zip(accounts, [1, 100, 1_000]) {
            for number in 0..<(10_000 / size) {
                _ = queue.add(
                    .init(ticket: UInt64(number), append: Self.append(account, events: size)))
            }
        }
        var sent: [String: Int] = [:]
        for _ in 0..<15 {
            for entry in queue.next() ?? [] {
                sent[entry.append.account.rawValue, default: 0] += entry.append.events.count
            }
            queue.batchEnded()
        }
        let all = sent.values.reduce(0, +)
        for account in accounts {
            let part = Double(sent[account, default: 0]) / Double(all)
            #expect((0.25...0.42).contains(part), "\(sent)")
        }
    }

    @Test func `large events count for what they weigh`() {
        var queue = Self.queue()
        for ticket in 0..<200 {
            _ = queue.add(
                .init(ticket: UInt64(ticket), append: Self.append("heavy", bytes: 200_000)))
        }
        for ticket in 0..<5_000 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: Self.append("light")))
        }
        let batch = queue.next() ?? []
        let heavy = batch.count { $0.append.account.rawValue == "heavy" }
        // 200 kB count as much as 50 events.
        #expect((40...60).contains((batch.count - heavy) / max(1, heavy)))
    }

    @Test func `a burst fills four fifths of the room, and who comes next finds room`() {
        var queue = Self.queue { $0.maxWaitingEvents = 1_000 }
        var refusal: BatchQueue.Refusal?
        var taken = 0
        while refusal == nil {
            taken += 1
            refusal = queue.add(
                .init(ticket: UInt64(taken), append: Self.append("greedy")))
        }
        #expect(refusal == .share)
        #expect(taken - 1 == 800)
        for number in 1...100 {
            let refusal = queue.add(
                .init(ticket: UInt64(taken + number), append: Self.append("modest")))
            #expect(refusal == nil)
        }
        let greedy = queue.add(.init(ticket: 9_999, append: Self.append("greedy")))
        #expect(greedy == .share)
    }

    @Test func `a queue filled by many refuses them as full, and the greedy for its share`() {
        var queue = Self.queue { $0.maxWaitingEvents = 100 }
        for number in 0..<60 {
            _ = queue.add(.init(ticket: UInt64(number), append: Self.append("greedy")))
        }
        for number in 60..<100 {
            _ = queue.add(.init(ticket: UInt64(number), append: Self.append("t\(number)")))
        }
        let newcomer = queue.add(.init(ticket: 200, append: Self.append("newcomer")))
        let greedy = queue.add(.init(ticket: 201, append: Self.append("greedy")))
        #expect(newcomer == .full)
        #expect(greedy == .share)
    }

    /// What a queue promises, held against plain lists, over random schedules.
    @Test(arguments: 1...20)
    func `nothing is lost, repeated or overtaken in its lane, and nobody starves`(seed: UInt64)
        async
    {
        var random = SeededGenerator(seed: seed)
        var queue = Self.queue {
            $0.maxBatchEvents = 20
            $0.maxWaitingEvents = 300
        }
        var model: [String: [UInt64]] = [:]
        var underWay: [[BatchQueue.Entry]] = []
        /// Batches since the oldest request of a lane was last served.
        var passedOver: [String: Int] = [:]
        var ticket: UInt64 = 0
        for step in 0..<10_000 {
            await giveWay(at: step)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                ticket += 1
                let account = "t\(Int.random(in: 0..<8, using: &random))"
                let size = Int.random(in: 0..<20, using: &random) == 0 ? 15 : 1
                let id: EventID? =
                    size == 1 && Bool.random(using: &random)
                    ? .number(UInt64.random(in: 0..<5, using: &random)) : nil
                let entry = BatchQueue.Entry(
                    ticket: ticket, append: Self.append(account, events: size, id: id))
                if queue.add(entry) == nil { model[account, default: []].append(ticket) }
            case 5:
                guard let account = model.keys.sorted().randomElement(using: &random),
                    let gone = model[account]?.randomElement(using: &random)
                else { continue }
                let removed = queue.remove(gone, of: TenantID(unchecked: account))
                #expect(removed)
                model[account]?.removeAll { $0 == gone }
            case 6 where !underWay.isEmpty:
                queue.batchEnded()
                let failed = underWay.removeLast()
                queue.giveBack(failed)
                for entry in failed.reversed() {
                    model[entry.append.account.rawValue, default: []].insert(entry.ticket, at: 0)
                }
            case 7 where !underWay.isEmpty:
                queue.batchEnded()
                underWay.removeFirst()
            default:
                guard let batch = queue.next() else { continue }
                Self.check(batch, &model, &passedOver)
                underWay.append(batch)
            }
            model = model.filter { !$0.value.isEmpty }
            passedOver = passedOver.filter { model[$0.key] != nil }
            if queue.isEmpty != model.isEmpty { Issue.record("the counts differ") }
        }
        #expect(queue.waitingEvents >= 0 && queue.waitingBytes >= 0)
    }

    private static func check(
        _ batch: [BatchQueue.Entry], _ model: inout [String: [UInt64]],
        _ passedOver: inout [String: Int]
    ) {
        let served = Set(batch.map(\.append.account.rawValue))
        for account in model.keys where !served.contains(account) {
            passedOver[account, default: 0] += 1
            // 15 rounds for a request of 15 events, and its like may fill a batch each meanwhile.
            if passedOver[account, default: 0] > 30 {
                Issue.record("\(account) starves: \(passedOver)")
            }
        }
        for account in served { passedOver[account] = 0 }
        var ids: Set<PreparedAppend.Key> = []
        for entry in batch {
            let account = entry.append.account.rawValue
            if model[account]?.first != entry.ticket {
                Issue.record("\(entry.ticket) travels out of its turn")
            }
            model[account]?.removeFirst()
            for key in entry.append.chosenKeys where !ids.insert(key).inserted {
                Issue.record("an id is twice in a batch")
            }
        }
        let events = batch.reduce(0) { $0 + $1.append.events.count }
        if events > 20, batch.count > 1 { Issue.record("a batch of \(events) events") }
    }
}
