import Postgres
import TestSupport
import Testing

@testable import Events
@testable import PostgresLog

/// The mark up to which a partition's holder may be at work without rows.
@Suite struct BegunTests {
    /// Events without rows may be begun in every partition of the handler.
    private struct Bench {
        let node: TestNode
        let books: PostgresConsumers
        let stored: StoredHandler

        init(_ test: TestLog) async throws {
            node = TestNode(test, registry: try .with([], projections: [TestProjection()]))
            try await node.host.register()
            _ = try await test.append(.test("a"), .test("b"))
            books = PostgresConsumers(log: test.log)
            stored = try #require(try await node.books.find("leads"))
            try await books.beat("one", for: .seconds(600), members: [])
            let taken = try await take("one")
            #expect(taken.allSatisfy { $0.begun == .zero })
            var batch = ConsumerBatch(consumer: stored.consumer, node: "one")
            batch.shares = taken.map {
                .init(
                    partition: $0.partition, fence: $0.fence, serial: $0.serial, cursor: .zero,
                    begun: Position(2), isReleased: false)
            }
            try await expectEqual(books.commit(batch), BatchAnswer())
        }

        func take(_ name: String) async throws -> [TakenPartition] {
            let version = try await node.books.find("leads")?.version ?? 0
            return try await books.take(
                Array(0..<Partition.count), of: stored.consumer, version: version, node: name)
        }
    }

    @Test func `whoever takes over hears of it, as often as none of them stores anything`()
        async throws
    {
        try await TestLog.with { test in
            let bench = try await Bench(test)
            for name in ["one", "one"] {
                let taken = try await bench.take(name)
                #expect(taken.count == Partition.count)
                #expect(taken.allSatisfy { $0.begun == Position(2) && $0.cursor == .zero })
            }
        }
    }

    @Test func `a batch of the release before clears it`() async throws {
        try await TestLog.with { test in
            let bench = try await Bench(test)
            let taken = try await bench.take("one")
            let first = try #require(taken.first { $0.partition == 0 })
            _ = try await test.rows(
                """
                select * from apus.consume(
                    $1, 'one', false, false, array[0]::smallint[], array[$2], array[$3],
                    array[1::bigint], array[false], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                    '{}', '{}'::smallint[], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')
                """,
                [.int4(bench.stored.consumer), .int8(first.fence), .int8(first.serial)])
            let again = try await bench.take("one").sorted { $0.partition < $1.partition }
            #expect(again[0].begun == .zero && again[0].cursor == Position(1))
            #expect(again.dropFirst().allSatisfy { $0.begun == Position(2) })
        }
    }

    @Test func `a refused batch leaves it as it is`() async throws {
        try await TestLog.with { test in
            let bench = try await Bench(test)
            let taken = try await bench.take("one")
            var batch = ConsumerBatch(consumer: bench.stored.consumer, node: "one")
            batch.shares = taken.map {
                .init(
                    partition: $0.partition, fence: $0.fence - 1, serial: $0.serial,
                    cursor: Position(2), begun: .zero, isReleased: false)
            }
            let answer = try await bench.books.commit(batch)
            #expect(answer.refused.count == Partition.count)
            let again = try await bench.take("one")
            #expect(again.allSatisfy { $0.begun == Position(2) && $0.cursor == .zero })
        }
    }

    @Test func `a projection that is made anew counts nothing as begun`() async throws {
        try await TestLog.with { test in
            let bench = try await Bench(test)
            _ = try await bench.node.host.rebuild("leads")
            let taken = try await bench.take("one")
            #expect(taken.count == Partition.count)
            #expect(taken.allSatisfy { $0.begun == .zero })
        }
    }
}
