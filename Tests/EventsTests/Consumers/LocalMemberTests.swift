import Testing

@testable import Events

/// Members that live in the process: handlers.
@Suite struct LocalMemberTests {
    /// What the next batch writes into the ledger.
    private func told(_ batch: ConsumerBatch?) -> [String] {
        (batch?.records ?? []).map { "\($0.position) \($0.attempt) \($0.outcome) \($0.message)" }
    }

    @Test func `a run that was lost with its node is in the ledger, once`() throws {
        var bench = WorkBench(isLocal: true)
        bench.publish("a")
        _ = try bench.following()
        bench.replaceNode()
        // Nobody heard of this batch.
        #expect(told(try bench.batch()) == ["1 1 failed RUN_LOST"])
        bench.replaceNode()
        let batch = try bench.batch()
        #expect(told(batch) == ["1 1 failed RUN_LOST"])
        bench.answered(batch, bench.commit(batch))
        let again = try bench.following()
        #expect(again.attempt == 2)
        bench.answer(again)
        #expect(told(bench.takeBatch()) == ["1 2 succeeded "])
    }

    @Test func `the last attempt that is lost makes a dead letter, and says so`() throws {
        var bench = WorkBench(isLocal: true)
        bench.publish("a")
        for attempt in 1...5 {
            #expect(bench.next()?.attempt == attempt)
            bench.replaceNode()
        }
        let batch = try bench.batch()
        #expect(told(batch) == ["1 5 deadLettered RUN_LOST"])
        #expect(batch.deadLetters.map(\.reason) == ["RUN_LOST"])
        bench.answered(batch, bench.commit(batch))
        #expect(bench.next() == nil)
        #expect(bench.store.tables.deadLetters == [Position(1)])
    }

    @Test func `a refused change takes back its event alone, and no attempt of any`() throws {
        var bench = WorkBench(isLocal: true, maxInFlight: 8)
        bench.publish("a", count: 2)
        bench.publish("b")
        // The first of each key, in one batch.
        let handed = [try bench.following(), try bench.following()]
        for item in handed { bench.change(item) }
        let batch = try bench.batch()
        #expect(batch.changes.map(\.position) == [Position(1), Position(3)])
        #expect(batch.rows.isEmpty)
        let rest = bench.retract([Position(1)], from: batch)
        #expect(rest.changes.map(\.position) == [Position(3)])
        #expect(rest.finished.map(\.position) == [Position(3)])
        #expect(rest.records.map(\.position) == [Position(3)])
        // The batch moves the cursor past it.
        #expect(rest.rows.map(\.work.position) == [Position(1)])
        #expect(rest.rows.map(\.work.state) == [.waiting])
        #expect(rest.rows.map(\.work.attempt) == [0])
        bench.answered(rest, bench.commit(rest))
        #expect(bench.machine.inconsistency == nil)
        let again = try bench.following()
        #expect(again.position == Position(1) && again.attempt == 1)
        bench.answer(again, .deadLetter)
        let next = try bench.following()
        #expect(next.position == Position(2) && next.attempt == 1)
        #expect(bench.machine.inconsistency == nil)
    }

    @Test func `what was done behind a refused change of its key is done again`() throws {
        var bench = WorkBench(isLocal: true, maxInFlight: 8)
        bench.publish("a", count: 5)
        bench.change(try bench.following())
        bench.change(try bench.ready())
        let batch = try bench.batch()
        #expect(batch.changes.map(\.position) == [Position(1), Position(2)])
        // Over since, begun, and not begun.
        bench.change(try bench.ready())
        let begun = try bench.ready()
        let rest = bench.retract([Position(1)], from: batch)
        #expect(rest.changes.isEmpty && rest.finished.isEmpty && rest.records.isEmpty)
        #expect(rest.rows.map(\.work.position) == [Position(1), Position(2)])
        bench.answered(rest, bench.commit(rest))
        #expect(bench.machine.inconsistency == nil)
        #expect(bench.answer(begun) == .expired)
        for position in 1...5 as ClosedRange<UInt64> {
            let item = try bench.following()
            #expect(item.position == Position(position) && item.attempt == 1)
            bench.answer(item)
        }
        bench.write()
        #expect(bench.log.allSatisfy { bench.store.isOver($0) })
        #expect(bench.store.fault == nil && bench.machine.inconsistency == nil)
    }

    @Test func `a tenant whose events wait for long leaves room to others`() throws {
        var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64) { limits in
            limits.maxParked = 10
            limits.maxLanes = 12
        }
        for number in 0..<100 { bench.publish("k\(number)", tenant: "big") }
        for number in 0..<3 { bench.publish("k\(number)", tenant: "small") }
        var small: [Position] = []
        while let item = bench.next() {
            if item.key.tenant == TenantID(unchecked: "small") {
                small.append(item.position)
                bench.answer(item)
            } else {
                bench.delay(item, .seconds(60))
            }
        }
        #expect(small == [Position(101), Position(102), Position(103)])
        #expect(bench.machine.inconsistency == nil)
        // The others are not forgotten.
        var big: Set<Position> = []
        for _ in 0..<60 {
            bench.wait(.seconds(60))
            while let item = bench.next() {
                big.insert(item.position)
                bench.answer(item)
            }
        }
        #expect(big.count == 100)
    }

    @Test func `a tenant whose keys are blocked leaves lanes to others`() throws {
        var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64) {
            $0.maxLanes = 12
        }
        for number in 0..<50 { bench.publish("k\(number)", tenant: "big") }
        while let item = bench.next() { bench.delay(item, .seconds(60)) }
        // Each of them behind one that waits.
        for number in 0..<50 { bench.publish("k\(number)", tenant: "big") }
        bench.publish("k", tenant: "small")
        let small = try bench.following()
        #expect(small.key.tenant == TenantID(unchecked: "small"))
        bench.answer(small)
        var big: Set<Position> = []
        for _ in 0..<60 {
            bench.wait(.seconds(60))
            while let item = bench.next() {
                big.insert(item.position)
                bench.answer(item)
            }
        }
        #expect(big.count == 100)
    }

    @Test func `what stands behind long retries of one tenant leaves room to others`() throws {
        var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64)
        for number in 0..<12 { bench.publish("k\(number)", tenant: "big", count: 400) }
        bench.publish("k", tenant: "small")
        while let item = bench.next() {
            if item.key.tenant == TenantID(unchecked: "small") { return }
            bench.delay(item, .seconds(60))
        }
        Issue.record("the other tenant's event did not come")
    }

    @Test func `a backlog in others' way is read past at once, any after a while`() {
        var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64)
        bench.publish("k", tenant: "small")
        for number in 0..<600 { bench.publish("k\(number)", tenant: "big") }
        for _ in 0..<10 { _ = bench.step(limit: 16, places: 16) }
        #expect(!bench.storedLanes.isEmpty)

        bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64)
        for tenant in 0..<10 {
            for number in 0..<60 { bench.publish("k\(number)", tenant: "t\(tenant)") }
        }
        for _ in 0..<49 {
            _ = bench.step(limit: 16, places: 16)
            bench.wait(.milliseconds(1))
        }
        #expect(bench.storedLanes.isEmpty)
        for _ in 0..<10 {
            _ = bench.step(limit: 16, places: 16)
            bench.wait(.milliseconds(1))
        }
        #expect(!bench.storedLanes.isEmpty)
    }

    @Test func `what a member ends is told from a pause`() {
        var ended = EndedRuns()
        for _ in 0..<50 { ended.note() }
        #expect(ended.look() == 50)
        ended.note()
        #expect((0..<3).map { _ in ended.look() } == [50, 50, 50])
        #expect(ended.look() == 1)
        #expect(ended.look() == 0)
    }

    @Test func `a tenant in which a handler hangs leaves places to others`() throws {
        var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 64)
        bench.publish("k", tenant: "small")
        bench.answer(try bench.following())
        for number in 0..<40 { bench.publish("k\(number)", tenant: "big") }
        #expect(bench.begin(limit: 16, places: 16).count == 14)
        bench.publish("k", tenant: "small")
        let begun = bench.begin(limit: 2, places: 16)
        #expect(begun.map(\.key.tenant.rawValue) == ["small"])
    }
}
