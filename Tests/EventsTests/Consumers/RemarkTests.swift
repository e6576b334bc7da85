import Testing

@testable import Events

/// Answers on other nodes that cross what the holder does.
@Suite struct RemarkTests {
    private func handedOut(_ bench: inout WorkBench) throws -> WorkItem {
        bench.publish("a")
        let next = bench.next()
        return try #require(next)
    }

    @Test func `what is acted upon while a batch that it holds up is under way goes on`() throws {
        var bench = WorkBench()
        let item = try handedOut(&bench)
        bench.leave(1)
        bench.remark(item, .release)
        let taken = bench.takeBatch()
        let batch = try #require(taken)
        let answer = bench.commit(batch)
        #expect(answer.remarked == [item.position])
        bench.hear()
        bench.answered(batch, answer)
        bench.join(1)
        #expect(bench.work().map(\.position) == [item.position])
    }

    @Test func `what a repeated batch could not change is set aside`() throws {
        var bench = WorkBench()
        let item = try handedOut(&bench)
        bench.leave(1)
        bench.join(2)
        bench.remark(item, .ack)
        let taken = bench.takeBatch()
        var batch = try #require(taken)
        #expect(batch.rows.map(\.work.state) == [.handedOut])
        _ = bench.commit(batch)
        batch.isRepeated = true
        bench.answered(batch, bench.commit(batch))
        let early = bench.next(2)
        #expect(early == nil)
        bench.hear()
        let late = bench.next(2)
        #expect(late == nil)
        #expect(bench.store.isOver(bench.event(item.position)))
    }

    /// Tokens can be reckoned by whoever has one; a ticket that nobody was given counts for nothing.
    @Test(arguments: [Verdict.Action.release, .retry])
    func `a ticket that was not handed out is no answer`(action: Verdict.Action) throws {
        var bench = WorkBench()
        var item = try handedOut(&bench)
        #expect(bench.answer(item, action) == .pending)
        for _ in 0..<3 {
            item.ticket += 1
            #expect(bench.answer(item, .release) == .expired)
        }
        let again = try bench.following()
        #expect(again.attempt == (action == .release ? 1 : 2))
        #expect(bench.answer(again) == .pending)
    }

    @Test func `two that a former holder left at work both hold up their key`() throws {
        var bench = WorkBench()
        bench.allow(attempts: 1)
        let first = try handedOut(&bench)
        bench.answer(first, .deadLetter)
        let second = try handedOut(&bench)
        bench.revive(first.position)
        bench.hear()
        // Put back here, and acknowledged elsewhere: the store keeps it as it was.
        bench.answer(second, .release)
        bench.remark(second, .ack)
        let again = bench.next()
        #expect(again?.position == first.position)
        bench.replaceNode()
        bench.answer(try #require(again), .release)
        let early = bench.next()
        #expect(early == nil)
        bench.hear()
        let late = bench.next()
        #expect(late?.position == first.position)
    }

    @Test func `a remark that was read twice is acted upon once`() throws {
        var bench = WorkBench()
        let item = try handedOut(&bench)
        bench.remark(item, .release)
        bench.hear()
        // Of what was done nothing is stored yet.
        let remarks = bench.listen()
        #expect(remarks.count == 1)
        let next = bench.next()
        let again = try #require(next)
        bench.heed(remarks)
        let settlement = bench.answer(again)
        #expect(settlement == .pending)
        #expect(bench.work().isEmpty)
        #expect(bench.store.isOver(bench.event(item.position)))
    }

    @Test func `a remark that was read before the partition was taken is left alone`() throws {
        var bench = WorkBench()
        bench.allow(attempts: 1)
        let item = try handedOut(&bench)
        bench.answer(item, .deadLetter)
        #expect(bench.work().isEmpty)
        bench.revive(item.position)
        let remarks = bench.listen()
        bench.beAway { bench in
            bench.hear()
            #expect(bench.work().map(\.position) == [item.position])
        }
        bench.heed(remarks)
        #expect(bench.work().isEmpty)
    }

    @Test func `a dead letter that was let go stays so`() throws {
        var bench = WorkBench(holdsKeys: true)
        let item = try handedOut(&bench)
        bench.publish("a")
        bench.remark(item, .extend)
        bench.answer(item, .deadLetter)
        bench.hear()
        let taken = bench.takeBatch()
        let batch = try #require(taken)
        bench.hear()
        bench.answered(batch, bench.commit(batch))
        #expect(bench.store.tables.deadLetters == [item.position])
        bench.resolve(item.position, .discard)
        #expect(bench.work().map(\.position) == [item.position.next])
        #expect(bench.store.tables.deadLetters.isEmpty)
    }

    @Test(arguments: [true, false])
    func `a dead letter that is let go while it is tried again stays so`(holds: Bool) throws {
        var bench = WorkBench(holdsKeys: holds)
        let item = try handedOut(&bench)
        bench.answer(item, .deadLetter)
        #expect(bench.work().isEmpty)
        bench.resolve(item.position, .revive)
        let next = bench.next()
        let again = try #require(next)
        bench.discard(item.position)
        bench.answer(again, .deadLetter)
        #expect(bench.work().isEmpty)
        bench.hear()
        #expect(bench.work().isEmpty)
        #expect(bench.store.tables.deadLetters.isEmpty)
        #expect(bench.store.isOver(bench.event(item.position)))
    }

    @Test func `a dead letter that is let go before it is tried again leaves nothing`() throws {
        var bench = WorkBench()
        let item = try handedOut(&bench)
        bench.answer(item, .deadLetter)
        #expect(bench.work().isEmpty)
        bench.revive(item.position)
        bench.discard(item.position)
        bench.hear()
        #expect(bench.work().isEmpty)
        let left = bench.listen()
        #expect(left.isEmpty)
        #expect(bench.store.isOver(bench.event(item.position)))
    }

    @Test(arguments: [true, false])
    func `a dead letter that is let go while its changes are refused stays so`(holds: Bool) throws {
        var bench = WorkBench(holdsKeys: holds, isLocal: true, maxInFlight: 8)
        let item = try handedOut(&bench)
        bench.answer(item, .deadLetter)
        #expect(bench.work().isEmpty)
        bench.resolve(item.position, .revive)
        bench.change(try bench.following())
        bench.publish("a")
        let batch = try bench.batch()
        // Over, as far as is known here.
        bench.resolve(item.position, .discard)
        let rest = bench.retract([item.position], from: batch)
        #expect(bench.machine.inconsistency == nil)
        bench.answered(rest, bench.commit(rest))
        bench.write()
        bench.hear()
        #expect(bench.work().map(\.position) == [item.position.next])
        #expect(bench.machine.items.isEmpty)
        #expect(bench.store.tables.deadLetters.isEmpty)
        #expect(bench.log.allSatisfy { bench.store.isOver($0) })
        #expect(bench.store.fault == nil)
    }

    @Test func `nobody is kept for what need not be alone any more`() throws {
        var bench = WorkBench()
        bench.allow(attempts: 2)
        bench.join(2)
        bench.publish("a")
        bench.publish("b")
        let first = bench.next(1)
        let second = bench.next(2)
        let (lost, kept) = (try #require(first), try #require(second))
        // Once is enough with two attempts.
        bench.leave(1)
        let early = bench.next(2)
        #expect(early == nil)
        #expect(bench.machine.members[2]?.reserved == lost.position)
        bench.allow(attempts: 10)
        bench.answer(kept)
        let next = bench.next(2)
        #expect(next?.position == lost.position)
    }
}
