import Postgres
import Telemetry
import Testing

@testable import Events
@testable import PostgresLog

/// Several nodes on one database.
@Suite struct GroupTakeoverTests {
    @Test func `any node takes an acknowledgement`() async throws {
        try await TestLog.with { test in
            let one = GroupNode(test, name: "one")
            let other = GroupNode(test, name: "other")
            try await one.create()
            _ = try await test.append(.test("a"), .test("b"), .test("c"))
            try await one.running {
                try await one.member { member in
                    let taken = try await member.take(3)
                    try await expectEqual(other.acknowledge([taken[0]]), 0)
                    try await expectEqual(other.acknowledge([taken[1]], .deadLetter), 0)
                    try await expectEqual(other.acknowledge([taken[2]], .retry), 0)
                    let again = try await member.take(1)
                    #expect(again.map(\.event.position) == [taken[2].event.position])
                    #expect(again.map(\.attempt) == [2])
                    // Each token counts once.
                    try await expectEqual(other.acknowledge(taken), 3)
                    try await expectEqual(other.acknowledge(again), 0)
                    let isDone = try await one.eventually {
                        try await one.status().lagEvents == 0
                    }
                    #expect(isDone)
                    try await expectEqual(one.status().deadLettered, 1)
                }
            }
        }
    }

    @Test func `others hear of acknowledgements that count, and of no others`() async throws {
        try await TestLog.with { test in
            let one = GroupNode(test, name: "one")
            let told = Lock(0)
            let other = GroupNode(test, name: "other") { told.withLock { $0 += 1 } }
            try await one.create()
            _ = try await test.append(.test("a"))
            try await one.running {
                try await one.member { member in
                    let taken = try await member.take(1)
                    try await expectEqual(other.acknowledge(taken), 0)
                    #expect(told.withLock { $0 } == 1)
                    try await expectEqual(other.acknowledge(taken), 1)
                    #expect(told.withLock { $0 } == 1)
                }
            }
        }
    }

    @Test func `a node that dies is taken over, and what it stored is worth nothing`() async throws
    {
        try await TestLog.with { test in
            let dead = GroupNode(test, name: "dead")
            let heir = GroupNode(test, name: "heir")
            try await dead.create()
            _ = try await test.append(.test("a"), .test("b"))
            let group = try #require(
                try await dead.store.find(GroupNode.mail, tenant: GroupNode.acme))
            // It takes everything, hands one out, and is not heard of again.
            try await dead.books.beat("dead", for: .milliseconds(300), members: [])
            let held = try await dead.books.take(
                Array(0..<64), of: group.consumer, version: group.version, node: "dead")
            #expect(held.count == 64)
            var machine = ConsumerStateMachine(
                consumer: group.consumer, node: "dead", rules: ConsumerRules(group.group))
            for partition in held {
                machine.granted(
                    partition, [:], now: .zero, wall: Timestamp(microseconds: 0))
            }
            machine.join(1, maxInFlight: 1)
            machine.head = Position(2)
            let page = try await test.log.read(
                after: .zero, filter: .everything, limit: 10, maxBytes: 1 << 20)
            machine.took(
                machine.nextRead(), page, now: .zero, wall: Timestamp(microseconds: 0))
            let taken = machine.takeBatch(now: .zero)
            let batch = try #require(taken)
            try await expectEqual(dead.books.commit(batch), BatchAnswer())
            // The same again, since the answer was lost: it counts once.
            var repeated = batch
            repeated.isRepeated = true
            try await expectEqual(dead.books.commit(repeated), BatchAnswer())
            _ = machine.answered(batch, BatchAnswer(), now: .zero)
            let pulled = machine.pull(
                1, limit: 1, maxBytes: 1, now: .zero, wall: Timestamp(microseconds: 0))
            let first = pulled[0].position
            let token = AckToken(
                consumer: group.consumer, partition: pulled[0].partition, fence: pulled[0].fence,
                position: pulled[0].position, ticket: pulled[0].ticket)
            _ = machine.settle(token, Verdict(.ack), now: .zero)
            let answered = machine.takeBatch(now: .zero)
            let late = try #require(answered)

            try await heir.running {
                try await heir.member { member in
                    let taken = try await member.take(2)
                    #expect(
                        Dictionary(
                            uniqueKeysWithValues: taken.map { ($0.event.position, $0.attempt) })
                            == [first: 2, Position(3 - first.rawValue): 1])
                    // The dead one wakes up: nobody believes it.
                    let answer = try await dead.books.commit(late)
                    #expect(answer.refused == Set(late.shares.map(\.partition)))
                    try await expectEqual(
                        dead.books.remark(
                            group.consumer, [TokenAnswer(token: token, verdict: Verdict(.ack))]),
                        [false])
                    try await expectEqual(heir.acknowledge(taken), 0)
                }
            }
        }
    }

    @Test func `partitions follow the members, and nothing comes twice on the way`() async throws {
        try await TestLog.with { test in
            let one = GroupNode(test, name: "one")
            let other = GroupNode(test, name: "other")
            try await one.create()
            for index in 0..<60 { _ = try await test.append(.test("s\(index)")) }
            let collected = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for node in [one, other] {
                    group.addTask {
                        try await node.running {
                            try await node.member { member in
                                while await collected.count < 120 {
                                    let next = try await member.membership.next()
                                    guard case .deliveries(let deliveries)? = next else {
                                        continue
                                    }
                                    _ = try await node.acknowledge(deliveries)
                                    await collected.add(deliveries, at: node.name)
                                }
                            }
                        }
                    }
                }
                group.addTask {
                    _ = try await one.eventually {
                        let rows = try await test.rows(
                            "select holder, count(*) from apus.consumer_partitions"
                                + " where holder is not null group by holder")
                        return try rows.map { try $0.int64(1) } == [32, 32]
                    }
                    for index in 0..<60 { _ = try await test.append(.test("s\(index)")) }
                }
                try await group.waitForAll()
            }
            let positions = await collected.positions
            #expect(Set(positions).count == 120)
            #expect(positions.count == 120)
            await expectEqual(collected.nodes, ["one", "other"])
        }
    }

    @Test func `a node that drains hands back what is not begun`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test, name: "one")
            try await node.create()
            _ = try await test.append(.test("a"), .test("b"), .test("c"))
            let taken = try await node.running {
                try await node.member(maxInFlight: 2) { member -> [GroupDelivery] in
                    let taken = try await member.take(2)
                    node.groups.drain()
                    _ = await #expect(throws: EventsError.self) {
                        // Checkpoints may come until the node has heard of it.
                        while try await member.membership.next() != nil {}
                    }
                    // What is begun may be answered while the node goes.
                    try await expectEqual(node.acknowledge([taken[0]]), 0)
                    return taken
                }
            }
            let held = try await test.rows(
                "select count(*) from apus.consumer_partitions p join apus.consumer_nodes n"
                    + " on n.node = p.holder")
            #expect(try held.only().int64(0) == 0)
            let next = GroupNode(test, name: "two")
            try await next.running {
                let left = try await next.member { try await $0.take(2, acknowledging: true) }
                let attempts = Dictionary(
                    uniqueKeysWithValues: left.map { ($0.event.subject, $0.attempt) })
                #expect(attempts == [taken[1].event.subject: 2, "c": 1])
            }
        }
    }

    @Test func `a group begins anew under its members`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            _ = try await test.append(.test("a"), .test("b"))
            try await node.running {
                try await node.member { member in
                    let taken = try await member.take(2)
                    _ = try await node.groups.reset(
                        GroupNode.mail, tenant: GroupNode.acme, to: .after(Position(1)))
                    let again = try await member.take(1)
                    #expect(again.map(\.event.position) == [Position(2)])
                    #expect(again.map(\.attempt) == [1])
                    try await expectEqual(node.acknowledge(taken), 2)
                    try await expectEqual(node.acknowledge(again), 0)
                }
            }
        }
    }

    @Test func `members hear that their group was deleted`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            try await node.running {
                _ = await #expect(throws: EventsError.groupNotFound("mail")) {
                    try await node.member { member in
                        try await node.groups.delete(GroupNode.mail, tenant: GroupNode.acme)
                        while try await member.membership.next() != nil {}
                    }
                }
            }
        }
    }

    @Test func `partitions that come before anything is known of the log are read`() async throws {
        try await TestLog.with { test in
            let first = GroupNode(test, name: "first")
            try await first.create()
            _ = try await test.append(.test("a"))
            let log = HeldLog(log: test.log)
            let node = GroupNode(test, name: "second", log: log)
            try await node.running {
                try await node.member { member in
                    let isTaken = try await node.eventually { node.takes == 1 }
                    #expect(isTaken)
                    log.letGo()
                    try await expectEqual(member.take(1).count, 1)
                }
            }
        }
    }

    @Test func `work that the store lost is noticed though nobody answers`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            _ = try await test.append(.test("a"))
            try await node.running {
                try await node.member { member in
                    let first = try await member.take(1)
                    try await test.script(Self.loss)
                    let again = try await member.take(1)
                    #expect(again.map(\.event.position) == [Position(1)])
                    try await expectEqual(node.acknowledge(first), 1)
                    try await expectEqual(node.acknowledge(again), 0)
                }
            }
        }
    }

    /// As if the hand-outs had never been written.
    private static let loss = """
        delete from apus.work;
        update apus.consumer_partitions set serial = serial - 1, position = 0
        """

    @Test func `work that the store lost in a crash is noticed`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            _ = try await test.append(.test("a"))
            try await node.running {
                try await node.member { member in
                    let first = try await member.take(1)
                    try await test.script(Self.loss)
                    try await expectEqual(node.acknowledge(first), 1)
                    let again = try await member.take(1)
                    #expect(again.map(\.event.position) == [Position(1)])
                    try await expectEqual(node.acknowledge(again), 0)
                }
            }
        }
    }
}

private actor Collected {
    var positions: [Position] = []
    var nodes: Set<String> = []
    var count: Int { positions.count }

    func add(_ deliveries: [GroupDelivery], at node: String) {
        positions += deliveries.map(\.event.position)
        nodes.insert(node)
    }
}
