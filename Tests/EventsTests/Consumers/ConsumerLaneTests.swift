import Testing

@testable import Events

@Suite struct ConsumerLaneTests {
    private static let flood = 100

    /// One tenant's flood of many keys, and another's event behind it.
    private func flooded() -> WorkBench {
        var bench = WorkBench(isShared: true) { $0.capacities = 16...16 }
        for number in 0..<Self.flood { bench.publish("k\(number)", tenant: "big") }
        bench.publish("k", tenant: "small")
        return bench
    }

    private func keys(_ events: [RecordedEvent]) -> [String] { events.map(\.partitionKey) }

    @Test func `a tenant's flood holds up nobody else`() throws {
        var bench = flooded()
        let done = bench.work()
        let small = try #require(done.firstIndex { $0.tenant == TenantID(unchecked: "small") })
        // Half of the room is the flood's.
        #expect(small <= 8)
        #expect(done.map(\.position.rawValue).sorted() == Array(1...101))
    }

    @Test func `a tenant that has the house to itself may fill it`() {
        var bench = WorkBench(isShared: false) { $0.capacities = 16...16 }
        for number in 0..<Self.flood { bench.publish("k\(number)") }
        _ = bench.next()
        #expect(bench.machine.lanes.isEmpty)
        #expect(bench.machine.load.active == 16)
    }

    @Test func `a key's flood holds up no other key`() throws {
        var bench = WorkBench { $0.keyShare = 4 }
        bench.publish("a", count: Self.flood)
        bench.publish("b")
        let done = bench.work()
        #expect(try #require(keys(done).firstIndex(of: "b")) < 4)
        let positions = done.filter { $0.partitionKey == "a" }.map(\.position.rawValue)
        #expect(positions == Array(1...100))
    }

    @Test func `a lane that has met the cursor is closed, and what follows needs none`() {
        var bench = flooded()
        _ = bench.work(10)
        #expect(bench.storedLanes == [LaneScope(tenant: TenantID(unchecked: "big"), key: nil)])
        _ = bench.work()
        #expect(bench.machine.lanes.isEmpty)
        #expect(bench.storedLanes.isEmpty)
        bench.publish("k1", tenant: "big")
        #expect(keys(bench.work()) == ["k1"])
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `what is published while a lane is open comes behind it, in order`() throws {
        var bench = WorkBench { $0.keyShare = 4 }
        bench.publish("a", count: 20)
        var done = bench.work(3)
        #expect(bench.storedLanes == [LaneScope(tenant: TenantID(unchecked: "acme"), key: "a")])
        bench.publish("a", count: 20)
        bench.publish("b")
        done += bench.work()
        #expect(try #require(keys(done).firstIndex(of: "b")) < 10)
        let positions = done.filter { $0.partitionKey == "a" }.map(\.position.rawValue)
        #expect(positions == Array(1...40))
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `who takes over reads on in the lanes`() {
        var bench = flooded()
        var done = bench.work(20)
        bench.replaceNode()
        #expect(bench.machine.lanes.count == 1)
        done += bench.work()
        #expect(done.map(\.position.rawValue).sorted() == Array(1...101))
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `no more lanes are opened than there may be`() {
        var bench = WorkBench { limits in
            limits.keyShare = 2
            limits.maxLanes = 3
        }
        for number in 0..<10 { bench.publish("k\(number)", count: 10) }
        _ = bench.next()
        #expect(bench.machine.lanes.count == 3)
        bench.replaceNode()
        let done = bench.work()
        #expect(Set(done.map(\.position)).count == 100)
    }

    @Test func `two spellings of a key are two keys`() {
        // The same characters, other bytes.
        let spellings = ["caf\u{e9}", "cafe\u{301}"]
        #expect(spellings[0] == spellings[1])
        let acme = TenantID(unchecked: "acme")
        #expect(Set(spellings.map { WorkKey(tenant: acme, key: $0) }).count == 2)
        var bench = WorkBench { $0.keyShare = 4 }
        for key in spellings { bench.publish(key, count: 20) }
        _ = bench.reads(limit: 1_000)
        let lanes = bench.machine.lanes.scopes.compactMap { $0.key.map { Array($0.utf8) } }
        #expect(Set(lanes) == Set(spellings.map { Array($0.utf8) }))
        #expect(bench.work().count == 40)
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `what is new has every other turn beside many lanes`() {
        var machine = ConsumerStateMachine(
            consumer: 1, node: "one",
            rules: ConsumerRules(
                holdsKeys: false, maxAttempts: 5, ackDeadline: .seconds(30), isShared: true))
        let tenant = TenantID(unchecked: "acme")
        machine.head = Position(20)
        machine.join(1, maxInFlight: 1)
        let lanes = (0..<20).map { number in
            StoredLane(
                scope: LaneScope(tenant: tenant, key: "k\(number)"), position: Position(1))
        }
        machine.granted(
            TakenPartition(
                partition: 0, fence: 1, serial: 0, cursor: Position(7), work: [], lanes: lanes),
            events: [:], now: .zero, wall: Timestamp(microseconds: 0))
        var lanesRead: Set<String> = []
        var newest = 0
        for _ in 0..<40 {
            switch machine.nextRead() {
            case .main: newest += 1
            case .lane(let scope, _, _): lanesRead.insert(scope.key ?? "")
            case .wait, .none: break
            }
        }
        #expect(newest == 20)
        #expect(lanesRead.count == 20)
    }
}
