import Postgres
import Testing

@testable import Events
@testable import PostgresLog

/// Batches that cross what other nodes say, as the store records them.
@Suite struct CrossedBatchTests {
    /// A node's work in a group of one event.
    private struct Bench {
        let node: GroupNode
        let letters: PostgresDeadLetters
        var machine: ConsumerStateMachine

        init(_ test: TestLog) async throws {
            node = GroupNode(test)
            letters = PostgresDeadLetters(log: test.log, node: "one")
            try await node.create()
            _ = try await test.append(.test("a"))
            let group = try #require(
                try await node.store.find(GroupNode.mail, tenant: GroupNode.acme))
            machine = ConsumerStateMachine(
                consumer: group.consumer, node: "one", rules: ConsumerRules(group.group))
            try await node.books.beat("one", for: .seconds(600), members: [])
            for partition in try await node.books.take(
                Array(0..<64), of: group.consumer, version: group.version, node: "one")
            {
                machine.granted(
                    partition, [:], now: .zero, wall: Timestamp(microseconds: 0))
            }
            machine.join(1, maxInFlight: 1)
            machine.head = Position(1)
            let page = try await test.log.read(
                after: .zero, filter: .everything, limit: 10, maxBytes: 1 << 20)
            machine.took(
                machine.nextRead(), page, now: .zero, wall: Timestamp(microseconds: 0))
        }

        mutating func store() async throws {
            let taken = machine.takeBatch(now: .zero)
            let batch = try #require(taken)
            let answer = try await node.books.commit(batch)
            #expect(answer == BatchAnswer())
            _ = machine.answered(batch, answer, now: .zero)
        }

        /// What the member is handed.
        mutating func next() async throws -> AckToken {
            try await store()
            let pulled = machine.pull(
                1, limit: 1, maxBytes: 1, now: .zero, wall: Timestamp(microseconds: 0))
            let item = try #require(pulled.first)
            return AckToken(
                consumer: machine.consumer, partition: item.partition, fence: item.fence,
                position: item.position, ticket: item.ticket)
        }

        mutating func hear() async throws {
            machine.listen()
            let (consumer, held) = (machine.consumer, machine.held)
            let remarks = try await node.books.remarks(consumer, partitions: held)
            let revivals = try await node.books.revivals(
                consumer, partitions: held, within: .zero, room: machine.revivalRoom)
            for remark in remarks + revivals {
                let event = try await node.books.events(at: [remark.work.position]).first
                machine.heed(remark, event: event, now: .zero)
            }
        }
    }

    @Test func `a batch that is repeated names what a remark kept from changing`() async throws {
        try await TestLog.with { test in
            var bench = try await Bench(test)
            let token = try await bench.next()
            bench.machine.leave(1, now: .zero)
            bench.machine.join(2, maxInFlight: 1)
            try await expectEqual(
                bench.node.books.remark(
                    bench.machine.consumer, [TokenAnswer(token: token, verdict: Verdict(.ack))]),
                [true])
            let taken = bench.machine.takeBatch(now: .zero)
            var batch = try #require(taken)
            let answer = BatchAnswer(remarked: [token.position])
            try await expectEqual(bench.node.books.commit(batch), answer)
            batch.isRepeated = true
            try await expectEqual(bench.node.books.commit(batch), answer)
        }
    }

    @Test func `a dead letter that is let go while it is tried again stays so`() async throws {
        try await TestLog.with { test in
            var bench = try await Bench(test)
            let token = try await bench.next()
            _ = bench.machine.settle(token, Verdict(.deadLetter), now: .zero)
            try await bench.store()
            let selection = DeadLetterSelection(tenant: GroupNode.acme)
            try await expectEqual(bench.letters.retry(selection, perSecond: nil), 1)
            try await bench.hear()
            let again = try await bench.next()
            try await expectEqual(bench.letters.discard(selection, reason: "enough"), 1)
            _ = bench.machine.settle(again, Verdict(.deadLetter), now: .zero)
            try await bench.store()
            let left = try await test.rows(
                """
                select (select count(*) from apus.dead_letters where resolved_at is null),
                    (select count(*) from apus.work)
                """
            ).only()
            try #expect(left.int64(0) == 0)
            try #expect(left.int64(1) == 0)
        }
    }
}
