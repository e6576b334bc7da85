import Postgres
import TestSupport
import Testing

@testable import Events
@testable import PostgresLog

/// Batches that change a projection's rows, and whose answer is lost.
@Suite struct RepeatedChangesTests {
    /// A batch that finishes the log's only event, and counts its lead.
    private struct Bench {
        let books: PostgresConsumers
        var machine: ConsumerStateMachine

        init(_ test: TestLog) async throws {
            let node = TestNode(
                test, registry: try .with([], projections: [TestProjection()]))
            try await node.host.register()
            _ = try await test.append(.test("a"))
            let stored = try #require(try await node.books.find("leads"))
            books = PostgresConsumers(log: test.log)
            machine = ConsumerStateMachine(
                consumer: stored.consumer, node: "one",
                rules: ConsumerRules(
                    holdsKeys: false, maxAttempts: 5, ackDeadline: nil, isShared: true))
            try await books.beat("one", for: .seconds(600), members: [])
            for partition in try await books.take(
                Array(0..<Partition.count), of: stored.consumer, version: stored.version,
                node: "one")
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

        mutating func batch() async throws -> ConsumerBatch {
            let taken = machine.takeBatch(now: .zero)
            let handing = try #require(taken)
            _ = machine.answered(handing, try await books.commit(handing), now: .zero)
            let pulled = machine.pull(
                1, limit: 1, maxBytes: 1, now: .zero, wall: Timestamp(microseconds: 0))
            let item = try #require(pulled.first)
            let event = try #require(item.event)
            let changes = try TestProjection().changes(for: event)
            _ = machine.settle(
                AckToken(
                    consumer: machine.consumer, partition: item.partition, fence: item.fence,
                    position: item.position, ticket: item.ticket),
                Verdict(.ack), changes: try #require(changes), isDurable: false, now: .zero)
            let finishing = machine.takeBatch(now: .zero)
            return try #require(finishing)
        }
    }

    private func counted(_ test: TestLog) async throws -> [Int64] {
        let row = try await test.rows(
            """
            select (select coalesce(sum(leads), 0)::bigint from apus.lead_funnel),
                (select coalesce(sum(touches), 0)::bigint from apus.lead_attribution),
                (select count(*) from apus.ledger)
            """
        ).only()
        return [try row.int64(0), try row.int64(1), try row.int64(2)]
    }

    @Test func `a batch whose answer was lost changes nothing when it is stored again`()
        async throws
    {
        try await TestLog.with { test in
            var bench = try await Bench(test)
            var batch = try await bench.batch()
            // Nobody hears of it.
            _ = try await bench.books.commit(batch)
            batch.isRepeated = true
            try await expectEqual(bench.books.commit(batch), BatchAnswer())
            try await expectEqual(counted(test), [1, 1, 1])
        }
    }

    @Test func `a batch that is still under way is stored once, whoever comes first`()
        async throws
    {
        try await TestLog.with { test in
            var bench = try await Bench(test)
            let batch = try await bench.batch()
            var again = batch
            again.isRepeated = true
            let books = bench.books
            let repeated = again
            async let first = books.commit(batch)
            async let second = books.commit(repeated)
            _ = try await (first, second)
            try await expectEqual(counted(test), [1, 1, 1])
        }
    }
}
