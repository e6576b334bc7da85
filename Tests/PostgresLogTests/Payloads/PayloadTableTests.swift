import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct PayloadTableTests {
    private static func fill(_ test: TestLog, _ count: Int = 10) async throws {
        try await test.log.open()
        _ = try await test.log.append(
            AppendRequest(events: (0..<count).map { .test("subject-\($0)") }))
    }

    private static let smallPartitions = "update apus.log_head set partition_size = 100"

    private static func rows(_ positions: ClosedRange<UInt64>, _ json: String = "{}")
        -> [PayloadRow]
    {
        positions.map { PayloadRow(position: Position($0), json: json) }
    }

    private static func kept(_ test: TestLog) async throws -> [String] {
        try await test.rows(
            """
            select position || coalesce(' ' || payload::text, '') from apus.event_payloads
            order by position
            """
        ).map { try $0.string(0) }
    }

    @Test func `rows and progress are one, page after page`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let table = PostgresPayloads(pool: test.pool)
            try await expectEqual(table.claim(fence: 1), .zero)
            try await expectEqual(
                table.keep(Self.rows(1...4, #"{"a":1}"#), after: .zero, fence: 1), 6)
            try await expectEqual(table.claim(fence: 2), Position(4))
            try await expectEqual(
                table.keep(
                    [PayloadRow(position: Position(5), json: nil)], after: Position(4), fence: 2),
                5)
            let wanted = (1...4).map { #"\#($0) {"a": 1}"# } + ["5"]
            try await expectEqual(Self.kept(test), wanted)
        }
    }

    @Test func `who has an older fence, or is not where the table ends, writes nothing`()
        async throws
    {
        try await TestLog.with { test in
            try await Self.fill(test)
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 2)
            await #expect(throws: BooksError.fenced) { try await table.claim(fence: 1) }
            await #expect(throws: BooksError.fenced) {
                try await table.keep(Self.rows(1...2), after: .zero, fence: 1)
            }
            await #expect(throws: BooksError.fenced) {
                try await table.keep(Self.rows(2...3), after: Position(1), fence: 2)
            }
            try await expectEqual(Self.kept(test), [])
        }
    }

    @Test func `what Postgres does not take for JSON is none, and the rest is kept`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 1)
            let rows = [
                PayloadRow(position: Position(1), json: #"{"a":"\u0000"}"#),
                PayloadRow(position: Position(2), json: #"{"a":"b"}"#),
            ]
            try await expectEqual(table.keep(rows, after: .zero, fence: 1), 8)
            try await expectEqual(Self.kept(test), ["1", #"2 {"a": "b"}"#])
        }
    }

    @Test func `an event that is not to be seen is not passed by`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script("delete from apus.events where position = 2")
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 1)
            await #expect(throws: EventsError.self) {
                try await table.keep(Self.rows(1...3), after: .zero, fence: 1)
            }
            try await expectEqual(Self.kept(test), [])
        }
    }

    @Test func `rows that do not begin where the table ends, or leave one out, are refused`()
        async throws
    {
        try await TestLog.with(after: Self.smallPartitions) { test in
            try await Self.fill(test, 250)
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 1)
            for rows in [Self.rows(2...3), Self.rows(1...2) + Self.rows(4...4)] {
                await #expect(throws: EventsError.self) {
                    try await table.keep(rows, after: .zero, fence: 1)
                }
            }
            try await expectEqual(Self.kept(test), [])
            // What retention has dropped meanwhile is missing for good.
            try await test.script("select apus.expire_partitions(100, 100)")
            _ = try await table.keep(Self.rows(101...150), after: .zero, fence: 1)
            try await expectEqual(Self.kept(test).count, 50)
        }
    }

    @Test func `there is a partition for each of the log's, before it is reached`() async throws {
        try await TestLog.with(after: Self.smallPartitions) { test in
            try await Self.fill(test, 250)
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 1)
            _ = try await table.keep(Self.rows(1...150), after: .zero, fence: 1)
            let made = """
                select p.first_position || '-' || p.last_position
                from apus.payload_partitions p
                join apus.event_partitions e using (first_position, last_position)
                where to_regclass('apus.' || p.name) is not null order by p.first_position
                """
            let all = try await test.rows(made).map { try $0.string(0) }
            // The log may have made the next one by now.
            #expect(all.prefix(3) == ["1-100", "101-200", "201-300"])
            _ = try await table.keep(Self.rows(151...250), after: Position(150), fence: 1)
            try await expectEqual(Self.kept(test).count, 250)
        }
    }

    @Test func `what retention dropped before it was written is passed by`() async throws {
        try await TestLog.with(after: Self.smallPartitions) { test in
            try await Self.fill(test, 250)
            try await test.script("select apus.expire_partitions(100, 100)")
            let table = PostgresPayloads(pool: test.pool)
            try await expectEqual(table.claim(fence: 1), Position(100))
        }
    }
}
