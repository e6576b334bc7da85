import Events
import Handlers
import Postgres
import Testing

@testable import PostgresLog

/// The shipped projections' statements on a real Postgres.
@Suite struct ShippedProjectionTests {
    private static let tables = HandlerRegistry.projections.flatMap(\.tables).sorted()

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `in whatever order and batches events are handled, the rows end the same`(
        seed: UInt64
    ) async throws {
        var source = ShippedEvents(seed: seed)
        let events = (0..<400).map { _ in source.next() }
        var random = source.random
        let shuffled = events.shuffled(using: &random)
        let halves = [
            Self.batches(shuffled[..<200], using: &random),
            Self.batches(shuffled[200...], using: &random),
        ]
        try await TestLog.with { test in
            for event in events { try await Self.apply([event], in: test) }
            let expected = try await Self.rows(in: test)
            #expect(Self.tables.allSatisfy { expected[$0]?.isEmpty == false })

            try await test.script(
                "truncate \(Self.tables.map { "apus.\($0)" }.joined(separator: ", "))")
            // Side by side: a deadlock would be an error.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for half in halves {
                    group.addTask {
                        for batch in half { try await Self.apply(batch, in: test) }
                    }
                }
                try await group.waitForAll()
            }
            let again = try await Self.rows(in: test)
            for table in Self.tables { #expect(again[table] == expected[table], "\(table)") }
        }
    }

    @Test(arguments: [4, 5] as [UInt64])
    func `the stock is what the events come to, and orders are served in their order`(
        seed: UInt64
    ) async throws {
        var source = ShippedEvents(seed: seed)
        let events = (0..<500).map { _ in source.next() }
        var model = StockModel()
        for event in events { try model.take(event) }
        let expected = model.lines
        try await TestLog.with { test in
            var random = SeededNumbers(state: seed)
            for batch in Self.batches(events[...], using: &random) {
                try await Self.apply(batch, in: test)
            }
            let lines = try await test.rows(
                """
                select concat_ws(' ', l.tenant, l.order_id, l.line, l.sku, l.state, l.reserved)
                from apus.stock_lines l order by 1
                """)
            try expectEqual(lines.map { try $0.string(0) }, expected)
            try await expectEqual(test.verify().findings, [])
        }
    }

    @Test func `a lead's conversion is credited to the last action before it`() async throws {
        try await TestLog.with { test in
            let events = ShippedEvents.story
            for event in events.reversed() { try await Self.apply([event], in: test) }
            let rows = try await test.rows(
                """
                select concat_ws(' ', action_type, actions, cost, conversions, value, return)
                from apus.autopilot_attribution order by action_type
                """)
            let told = try rows.map { try $0.string(0) }
            #expect(
                told == [
                    "call 1 0.300000000 1 49.000000000 48.700000000",
                    "mail 2 0.200000000 0 0 -0.200000000",
                ])
        }
    }

    @Test func `an hour's burn is what failed or was slow by the channel's objective`() async throws
    {
        try await TestLog.with { test in
            try await test.script(
                """
                insert into apus.message_objectives values ('sms', 1000, 0.9);
                insert into apus.message_latency values
                    ('acme', 'sms', 'epoch', 1000, 90, 5, 0), ('acme', 'sms', 'epoch', 2000, 10, 0, 0),
                    ('acme', 'web', 'epoch', 5000, 99, 0, 0), ('acme', 'web', 'epoch', 10000, 1, 0, 0)
                """)
            let rows = try await test.rows(
                """
                select concat_ws(' ', channel, messages, failed, slow, round(burn, 3))
                from apus.message_slo order by channel
                """)
            try expectEqual(
                rows.map { try $0.string(0) }, ["sms 100 5 10 1.500", "web 100 0 1 1.000"])
        }
    }

    private static func batches(
        _ events: ArraySlice<RecordedEvent>, using random: inout SeededNumbers
    ) -> [[RecordedEvent]] {
        var batches: [[RecordedEvent]] = []
        var rest = events
        while !rest.isEmpty {
            let size = Int.random(in: 1...40, using: &random)
            batches.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return batches
    }

    /// As the books do: a transaction for the events of a batch that a projection takes.
    private static func apply(_ events: [RecordedEvent], in test: TestLog) async throws {
        for projection in HandlerRegistry.projections {
            let changes = try events.filter { event in
                projection.types.contains { $0.matches(event.type) }
            }.flatMap { try projection.changes(for: $0) ?? [] }
            guard !changes.isEmpty else { continue }
            try await test.pool.transaction { try await $0.apply(changes) }
        }
    }

    private static func rows(in test: TestLog) async throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for table in tables {
            let rows = try await test.rows("select t::text from apus.\(table) t order by 1")
            found[table] = try rows.map { try $0.string(0) }
        }
        // What brings a lead first is decided by position; the rest must not depend on the order.
        for table in ["lead_attribution", "lead_funnel", "leads"] { found[table] = ["not asked"] }
        return found
    }
}
