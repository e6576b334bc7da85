import Testing

@testable import Events

/// Runs of one key's events that members of a node are handed, and work without rows.
@Suite struct LocalRunTests {
    private static func bench(holdsKeys: Bool = false) -> WorkBench {
        WorkBench(holdsKeys: holdsKeys, isLocal: true, maxInFlight: 64)
    }

    @Test func `events of one key are handed out together and begun one by one`() throws {
        var bench = Self.bench()
        bench.publish("a", count: 5)
        var item = try bench.following()
        for position in 1...5 as ClosedRange<UInt64> {
            #expect(item.position == Position(position))
            #expect(bench.pull().isEmpty)
            bench.answer(item)
            guard position < 5 else { break }
            // No batch was stored in between.
            item = try bench.ready()
        }
        #expect(bench.next() == nil)
    }

    @Test func `every key's first comes before the second of any`() throws {
        var bench = WorkBench(isLocal: true, maxInFlight: 4)
        bench.publish("a", count: 4)
        bench.publish("b", count: 1)
        bench.publish("c", count: 1)
        _ = try bench.following()
        #expect(bench.pull().map(\.position) == [Position(5), Position(6)])
        #expect(bench.machine.members[1]?.inFlight == 4)
    }

    @Test func `what lies behind an event that is tried again goes back uncounted`() throws {
        var bench = Self.bench()
        bench.publish("a", count: 3)
        bench.answer(try bench.following(), .retry)
        #expect(bench.pull().isEmpty)
        let again = try bench.following()
        #expect(again.position == Position(1) && again.attempt == 2)
        bench.answer(again)
        let second = try bench.ready()
        #expect(second.position == Position(2) && second.attempt == 1)
    }

    @Test func `what lies behind a dead letter that holds its key goes back`() throws {
        var bench = Self.bench(holdsKeys: true)
        bench.publish("a", count: 2)
        bench.answer(try bench.following(), .deadLetter)
        #expect(bench.next() == nil)
        bench.resolve(Position(1), .discard)
        let second = try bench.following()
        #expect(second.position == Position(2) && second.attempt == 1)
    }

    @Test func `of one attempt nothing is handed out behind another`() throws {
        var bench = Self.bench()
        bench.allow(attempts: 1)
        bench.publish("a", count: 2)
        bench.answer(try bench.following())
        #expect(bench.pull().isEmpty)
        #expect(bench.storedWork == [Position(1), Position(2)])
    }

    @Test func `what is over by the next batch has no row`() throws {
        var bench = Self.bench()
        bench.publish("a", count: 3)
        var item = bench.next()
        #expect(bench.storedWork.isEmpty)
        while let next = item {
            bench.answer(next)
            item = bench.pull().first
        }
        bench.write()
        #expect(bench.storedWork.isEmpty)
        #expect(bench.log.allSatisfy { bench.store.isOver($0) })
    }

    @Test func `what is left behind gets its row, what lies ahead does not`() throws {
        var bench = Self.bench()
        // Of one partition: the same key, or one that hashes to it.
        let other = Self.neighbour(of: "a")
        bench.publish("a")
        bench.publish(other)
        bench.publish("a")
        _ = try bench.following()
        let second = try bench.ready()
        #expect(second.position == Position(2))
        bench.answer(second)
        bench.write()
        #expect(bench.storedWork == [Position(1)])
        #expect(bench.store.isOver(bench.event(Position(2))))
        #expect(!bench.store.isOver(bench.event(Position(3))))
    }

    @Test func `what runs for long gets its row though nothing else happens`() throws {
        var bench = Self.bench()
        bench.publish("a")
        _ = try bench.following()
        bench.wait(.milliseconds(40))
        bench.write()
        #expect(bench.storedWork.isEmpty)
        bench.wait(.milliseconds(40))
        bench.write()
        #expect(bench.storedWork == [Position(1)])
    }

    @Test func `who takes over counts what may have begun, and nothing else`() throws {
        var bench = Self.bench()
        bench.publish("a")
        _ = try bench.following()
        bench.publish("a")
        bench.replaceNode()
        let again = try bench.following()
        #expect(again.position == Position(1) && again.attempt == 2 && again.lost == 1)
        bench.answer(again)
        let second = try bench.following()
        #expect(second.position == Position(2) && second.attempt == 1 && second.lost == 0)
    }

    @Test func `each crash counts`() throws {
        var bench = Self.bench()
        bench.publish("a")
        for attempt in 1...4 {
            let item = try bench.following()
            #expect(item.attempt == attempt)
            bench.replaceNode()
            // Another one that gets nowhere.
            bench.replaceNode()
        }
    }

    @Test func `what was over is not run again after a crash`() throws {
        var bench = Self.bench()
        bench.publish("a", count: 2)
        bench.publish("b", count: 2)
        bench.answer(try bench.following())
        bench.write()
        bench.replaceNode()
        let left = bench.work().map(\.position.rawValue)
        #expect(left.sorted() == [2, 3, 4])
    }

    private static func neighbour(of key: String) -> String {
        let tenant = TenantID(unchecked: "acme")
        let wanted = Partition.of(tenant: tenant, key: key)
        for number in 0... where Partition.of(tenant: tenant, key: "k\(number)") == wanted {
            return "k\(number)"
        }
        return key
    }

    @Test func `an attempt that a lost node began counts, also if its tenant is read apart`()
        throws
    {
        var bench = WorkBench(isLocal: true, maxInFlight: 64) { $0.maxParked = 20 }
        for number in 0..<11 { bench.publish("k\(number)") }
        while let item = bench.next() { bench.delay(item, .seconds(60)) }
        bench.publish("a")
        let begun = try bench.following()
        #expect(begun.attempt == 1 && !bench.storedWork.contains(begun.position))
        bench.share()
        bench.replaceNode()
        // The next is lost as soon as it has read on, and said so.
        _ = bench.step(limit: 1, places: 64)
        bench.replaceNode()
        bench.wait(.seconds(60))
        var again = try bench.following()
        while again.position != begun.position {
            bench.answer(again)
            again = try bench.following()
        }
        #expect(again.attempt > begun.attempt)
    }
}
