import Events
import Handlers
import Postgres
import TestSupport
import Testing

@testable import PostgresLog

/// The shipped projections' statements on a real Postgres.
@Suite struct ShippedProjectionTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `in whatever order and batches events are handled, the rows end the same`(
        seed: UInt64
    ) async throws {
        var source = ShippedEvents(seed: seed)
        let events = (0..<500).map { _ in source.next() }
        var random = source.random
        let shuffled = events.shuffled(using: &random)
        let halves = [
            Self.batches(shuffled[..<250], using: &random),
            Self.batches(shuffled[250...], using: &random),
        ]
        try await TestLog.with { test in
            for event in events { try await test.project([event]) }
            let expected = try await test.projectedRows()
            #expect(TestLog.projectedTables.allSatisfy { expected[$0]?.isEmpty == false })

            try await test.forgetProjected()
            // Side by side: a deadlock would be an error.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for half in halves {
                    group.addTask {
                        for batch in half { try await test.project(batch) }
                    }
                }
                try await group.waitForAll()
            }
            let again = try await test.projectedRows()
            for table in TestLog.projectedTables {
                #expect(again[table] == expected[table], "\(table)")
            }
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
            var random = SeededGenerator(seed: seed)
            for batch in Self.batches(events[...], using: &random) {
                try await test.project(batch)
            }
            let lines = try await test.rows(
                """
                select concat_ws(' ', l.tenant, l.order_id, l.line, l.sku, l.state, l.reserved)
                from apus.stock_lines l order by 1
                """)
            try expectEqual(lines.map { try $0.string(0) }, expected)
            let findings = try await test.verify().findings
            #expect(findings.filter { !$0.contains("got as far as") } == [])
        }
    }

    @Test func `a lead is credited to the first event that names it, whichever comes first`()
        async throws
    {
        try await TestLog.with { test in
            let events = ShippedEvents.lead("a", from: ["ad", "mail", "ad", "fair"])
            for event in [events[2], events[3]] { try await test.project([event]) }
            try await expectEqual(test.leads(), ["a ad 3", "ad created 1", "ad 1 1", "fair 1 0"])
            try await test.project([events[1]])
            try await expectEqual(
                test.leads(), ["a mail 2", "mail created 1", "ad 1 0", "fair 1 0", "mail 1 1"])
            try await test.project([events[0]])
            try await expectEqual(
                test.leads(), ["a ad 1", "ad created 1", "ad 2 1", "fair 1 0", "mail 1 0"])
            // No handler has come so far; the rest must be right.
            let findings = try await test.verify().findings
            #expect(findings.filter { !$0.contains("got as far as") } == [])
        }
    }

    @Test func `a lead's conversion is credited to the last action before it`() async throws {
        try await TestLog.with { test in
            let events = ShippedEvents.story
            for event in events.reversed() { try await test.project([event]) }
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
        _ events: ArraySlice<RecordedEvent>, using random: inout SeededGenerator
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
}
