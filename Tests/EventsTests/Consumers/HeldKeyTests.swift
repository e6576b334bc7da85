import Testing

@testable import Events

/// A dead letter of a group that holds keys.
@Suite struct HeldKeyTests {
    /// Another key of the partition that holds the key `a`.
    private static let neighbour: String = {
        let acme = TenantID(unchecked: "acme")
        let partition = Partition.of(tenant: acme, key: "a")
        var number = 0
        while Partition.of(tenant: acme, key: "n\(number)") != partition { number += 1 }
        return "n\(number)"
    }()

    /// The first of forty events of a key is given up, and a neighbour's event is behind them.
    private func held(_ bench: inout WorkBench) throws -> [String] {
        bench.publish("a", count: 40)
        bench.publish(Self.neighbour)
        var others: [String] = []
        let next = bench.next()
        let first = try #require(next)
        #expect(first.position == Position(1))
        bench.answer(first, .deadLetter)
        others += bench.work().map(\.partitionKey)
        return others
    }

    @Test func `nothing of its key comes, and all of its neighbours`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        let others = try held(&bench)
        #expect(others == [Self.neighbour])
        #expect(bench.store.tables.deadLetters == [Position(1)])
        bench.publish("a")
        bench.publish(Self.neighbour)
        #expect(bench.work().map(\.partitionKey) == [Self.neighbour])
        #expect(bench.storedLanes == [LaneScope(tenant: TenantID(unchecked: "acme"), key: "a")])
    }

    @Test func `its key goes on in order when it is tried again`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        bench.resolve(Position(1), .revive)
        let next = bench.next()
        let again = try #require(next)
        #expect(again.position == Position(1))
        #expect(again.attempt == 1)
        bench.answer(again)
        #expect(bench.work().map(\.position.rawValue) == Array(2...40))
        #expect(bench.store.tables.deadLetters.isEmpty)
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `its key goes on in order when it is let go`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        bench.resolve(Position(1), .discard)
        #expect(bench.work().map(\.position.rawValue) == Array(2...40))
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `it holds its key on the node that takes over`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        bench.replaceNode()
        #expect(bench.work().isEmpty)
        bench.resolve(Position(1), .revive)
        #expect(bench.work().map(\.position.rawValue) == Array(1...40))
    }

    @Test func `a key that is not to be held goes on`() throws {
        var bench = WorkBench(holdsKeys: false) { $0.keyShare = 4 }
        let others = try held(&bench)
        #expect(others.count == 40)
        #expect(bench.store.tables.deadLetters == [Position(1)])
    }

    @Test func `its key goes on when keys are not to be held any more`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        bench.letKeysGo()
        #expect(bench.work().map(\.position.rawValue) == Array(2...40))
        #expect(bench.store.tables.deadLetters == [Position(1)])
        #expect(bench.storedWork.isEmpty)
        #expect(bench.machine.inconsistency == nil)
        bench.resolve(Position(1), .revive)
        #expect(bench.work().map(\.position.rawValue) == [1])
    }

    @Test func `its key goes on where keys are not to be held since`() throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        bench.beAway { meanwhile in
            meanwhile.letKeysGo()
            meanwhile.replaceNode()
            #expect(meanwhile.work().map(\.position.rawValue) == Array(2...40))
        }
        #expect(bench.store.tables.deadLetters == [Position(1)])
        #expect(bench.storedWork.isEmpty)
    }

    @Test(arguments: [Verdict.Action.revive, .discard])
    func `what was said of it is heard though its key goes on`(action: Verdict.Action) throws {
        var bench = WorkBench(holdsKeys: true) { $0.keyShare = 4 }
        _ = try held(&bench)
        if action == .revive { bench.revive(Position(1)) } else { bench.discard(Position(1)) }
        bench.letKeysGo()
        bench.write()
        bench.write()
        bench.hear()
        let done = bench.work().map(\.position.rawValue)
        #expect(done == Array((action == .revive ? 1 : 2)...40))
        #expect(bench.store.tables.deadLetters.isEmpty)
        #expect(bench.storedWork.isEmpty)
    }

    @Test(arguments: [true, false])
    func `what stands behind many of them is in nobody's way`(holds: Bool) throws {
        var bench = WorkBench(holdsKeys: holds) {
            $0.keyShare = 4
            $0.capacities = 16...16
        }
        for key in 0..<12 { bench.publish("k\(key)", count: 6) }
        bench.publish("other")
        while let item = bench.next(), item.key.key != "other" {
            if holds {
                bench.answer(item, .deadLetter)
            } else {
                bench.delay(item, .seconds(600))
            }
        }
        #expect(bench.now == .zero)
        let other = bench.machine.items.values.first { $0.key.key == "other" }
        #expect(other?.attempt == 1)
        #expect(bench.machine.inconsistency == nil)
    }
}
