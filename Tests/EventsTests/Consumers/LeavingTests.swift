import Testing

@testable import Events

/// Partitions that another node should have while members are still at work in them.
@Suite struct LeavingTests {
    private static let acme = TenantID(unchecked: "acme")
    private static let partition = Partition.of(tenant: acme, key: "a")
    /// Another key of that partition.
    private static let neighbour: String = {
        var number = 0
        while Partition.of(tenant: acme, key: "n\(number)") != partition { number += 1 }
        return "n\(number)"
    }()

    @Test func `a node that drains waits for what its members were handed`() throws {
        var bench = WorkBench(maxInFlight: 2)
        bench.publish("a")
        bench.publish(Self.neighbour)
        let items = [try bench.following(), try bench.following()]
        bench.drain()
        bench.leave(1)
        bench.write()
        #expect(bench.machine.held == [Self.partition])
        #expect(bench.machine.inconsistency == nil)
        #expect(bench.answer(items[0]) == .pending)
        // The other's answer comes to another node.
        bench.remark(items[1], .ack)
        bench.write()
        #expect(bench.machine.held == [Self.partition])
        bench.hear()
        bench.write()
        #expect(bench.machine.held.isEmpty)
        #expect(bench.storedWork.isEmpty)
    }

    @Test func `a node that drains waits no longer than the deadline of what it handed out`() throws
    {
        var bench = WorkBench()
        bench.publish("a")
        _ = try bench.following()
        bench.drain()
        bench.leave(1)
        bench.write()
        #expect(bench.machine.held == [Self.partition])
        bench.wait(.seconds(3_600))
        bench.write()
        #expect(bench.machine.held.isEmpty)
        bench.replaceNode()
        #expect(try bench.following().attempt == 2)
    }

    @Test func `what is never answered keeps its partition's other keys waiting for a while only`()
        throws
    {
        var bench = WorkBench(maxInFlight: 2)
        bench.publish("a")
        let item = try bench.following()
        bench.giveAway(Self.partition)
        bench.publish(Self.neighbour)
        #expect(bench.next() == nil)
        bench.wait(.seconds(10))
        // It is asked for again and again.
        bench.giveAway(Self.partition)
        #expect(try bench.following().key.key == Self.neighbour)
        #expect(bench.machine.inconsistency == nil)
        bench.wait(.seconds(60))
        bench.giveAway(Self.partition)
        bench.answer(item)
        bench.publish(Self.neighbour)
        #expect(bench.next() == nil)
    }

    @Test func `a partition that is to stay after all goes on`() throws {
        var bench = WorkBench(maxInFlight: 2)
        bench.publish("a")
        bench.publish("a")
        let item = try bench.following()
        bench.giveAway(Self.partition)
        bench.publish(Self.neighbour)
        #expect(bench.next() == nil)
        bench.keep(Self.partition)
        #expect(try bench.following().key.key == Self.neighbour)
        bench.answer(item)
        #expect(try bench.following().key.key == "a")
        #expect(bench.machine.inconsistency == nil)
    }
}
