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

    @Test func `many lines that wait for stock cost nothing until there is some`() async throws {
        try await TestLog.with { test in
            func take(_ kind: String, _ position: Int64, _ order: String?, _ quantity: Int64)
                async throws -> Int64
            {
                try await test.pool.transaction { transaction in
                    try await transaction.apply([
                        ProjectionChange(
                            ProjectionChange.Name(rawValue: "project_inventory"),
                            [
                                .text("acme"), .integer(position), .text(kind),
                                order.map { .text($0) } ?? .null, .integer(1), .text("sku"),
                                .integer(quantity),
                            ])
                    ])
                    return try await transaction.execute(
                        Statement(
                            name: "touched",
                            sql: """
                                select (seq_tup_read + idx_tup_fetch)::bigint
                                from pg_stat_xact_user_tables where relname = 'stock_lines'
                                """), []
                    ).only().int64(0)
                }
            }
            _ = try await take("received", 1, nil, 3)
            try await test.script(
                """
                insert into apus.stock_orders (tenant, order_id, created_position)
                select 'acme', 'o-' || n, n from generate_series(10, 9000) n;
                insert into apus.stock_lines
                    (tenant, order_id, line, position, sku, quantity, state, reserved)
                select 'acme', 'o-' || n, 1, n, 'sku', 1, 'open', case when n < 13 then 1 else 0 end
                from generate_series(10, 9000) n;
                update apus.stock set wanted = 8991, reserved = 3;
                analyze apus.stock_lines, apus.stock, apus.stock_orders;
                """)
            var touched: [Int64] = []
            touched.append(try await take("received", 9_001, nil, 1))
            touched.append(try await take("adjusted", 9_002, nil, -2))
            touched.append(try await take("released", 9_004, "o-10", 0))
            #expect(touched.allSatisfy { $0 < 200 }, "\(touched)")
            let lines = try await test.rows(
                "select order_id from apus.stock_lines where reserved > 0 order by position")
            try expectEqual(lines.map { try $0.string(0) }, ["o-11", "o-12"])
            let stock = try await test.rows("select on_hand, reserved, wanted from apus.stock")
            try expectEqual((0..<3).map { try stock[0].int64($0) }, [2, 2, 8_990])
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
