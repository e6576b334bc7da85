import Events
import Postgres
import Testing

@testable import PostgresLog

/// An old transaction keeps what was drained in the table.
@Suite struct OutboxBloatTests {
    @Test func `an idle transaction makes no look at the outbox dearer`() async throws {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            try await outbox.session(outbox.lease()) { session in
                try await outbox.transaction { idle in
                    try await idle.script("select pg_current_xact_id()")
                    for _ in 0..<4 {
                        try await test.script(
                            """
                            select count(apus.publish('lead.created', '{}', g::text))
                            from generate_series(1, 5000) g
                            """)
                        _ = try await session.drainAll()
                    }
                    try await idle.script("select apus.publish('lead.created', '{}', 'late')")
                    try await test.script("select apus.publish('lead.created', '{}', 'new')")
                    // All of it is still in the table.
                    let blocks = try await test.rows(
                        "select pg_relation_size('apus.outbox') / 8192"
                    ).only().int64(0)
                    #expect(blocks > 300)
                    let scan = try #require(session as? PostgresOutboxSession)
                    let looked = try await Self.blocks(lookingFrom: scan.scan, outbox)
                    #expect(looked < 50)
                    try await expectEqual(session.drainAll(), [.stored(Position(20_001))])
                }
                try await expectEqual(session.drainAll(), [.stored(Position(20_002))])
            }
        }
    }

    @Test func `an open transaction that published much makes no look dearer`() async throws {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            try await outbox.session(outbox.lease()) { session in
                try await outbox.transaction { large in
                    try await large.script(
                        """
                        select count(apus.publish('lead.created', '{}', g::text))
                        from generate_series(1, 10000) g
                        """)
                    try await expectEqual(session.drainAll(), [])
                    let scan = try #require(session as? PostgresOutboxSession)
                    let looked = try await Self.blocks(lookingFrom: scan.scan, outbox)
                    #expect(looked < 50)
                }
                try await expectEqual(session.drainAll().count, 10_000)
            }
        }
    }

    /// Blocks that finding the next page takes.
    private static func blocks(
        lookingFrom scan: OutboxScan, _ outbox: TestOutbox
    ) async throws -> Int64 {
        let open = scan.open.map { ($0.key, $0.value) }
        let values = """
            \(scan.frontier.transaction), \(scan.frontier.number), \
            array\(open.map(\.0))::bigint[], array\(open.map(\.1))::bigint[], 1000, 4000000
            """
        var plan: [String] = []
        try await outbox.caller { caller in
            try await caller.script(
                """
                set enable_seqscan = off; set enable_bitmapscan = off;
                set plan_cache_mode = force_generic_plan;
                prepare page (bigint, bigint, bigint[], bigint[], bigint, bigint)
                as \(OutboxSQL.page.sql)
                """)
            let explain = "explain (analyze, buffers, costs off) execute page (\(values))"
            let rows = try await caller.execute(Statement(name: "explain", sql: explain))
            plan = try rows.map { try $0.string(0) }
        }
        let buffers = try #require(plan.first { $0.contains("Buffers: ") })
        return buffers.split { !$0.isNumber }.compactMap { Int64($0) }.reduce(0, +)
    }
}
