import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// What one tenant's replays can come to.
@Suite struct ReplayBoundTests {
    private let caller = Caller(tenant: TenantID(unchecked: "acme"))

    @Test func `what a replay has read is stored before it reads much more`() async throws {
        let begun = AsyncStream.makeStream(of: Void.self)
        let gate = AsyncStream.makeStream(of: Never.self)
        let handler = TestHandler(body: { event, context in
            if context.replay != nil, event.position == Position(5) {
                begun.continuation.yield()
                for await _ in gate.stream {}
            }
            return .done
        })
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler]), clock: ManualClock())
            let large = [UInt8](repeating: 7, count: 600 << 10)
            for _ in 0..<6 { _ = try await test.append(.test(data: large)) }
            try await node.running {
                let isSettled = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isSettled)
                let request = ReplayRequest(
                    selection: .range(
                        ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))))
                let id = try #require(try await node.replays.start(request, caller: caller).id)
                for await _ in begun.stream { break }
                let stored = try await node.replays.find(id, caller: caller)
                #expect(stored.targets.map(\.done) == [4])
                gate.continuation.finish()
                let isOver = try await node.eventually {
                    try await node.replays.find(id, caller: caller).state == .completed
                }
                #expect(isOver)
                let ended = try await node.replays.find(id, caller: caller)
                #expect(ended.targets.map(\.done) == [6])
            }
        }
    }

    @Test func `a tenant has so many replays that are not over`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            _ = try await test.append(.test(), .test(tenant: "other"))
            func start(_ tenant: TenantID, _ requestID: String = "") async throws -> Replay {
                try await node.replays.start(
                    ReplayRequest(
                        selection: .range(
                            ReplayRange(filter: EventFilter(tenants: .only([tenant])))),
                        requestID: requestID),
                    caller: Caller(tenant: tenant))
            }
            let first = try await start(caller.tenant, "first")
            for _ in 1..<100 { _ = try await start(caller.tenant) }
            let error = await #expect(throws: EventsError.self) {
                try await start(caller.tenant)
            }
            #expect(error?.code == .resourceExhausted)
            let hasQuota = error?.details.contains { detail in
                if case .quota(subject: "tenant:acme", _) = detail { true } else { false }
            }
            #expect(hasQuota == true)
            // What is known is answered, and nobody else is refused.
            try await expectEqual(start(caller.tenant, "first").id, first.id)
            _ = try await start(TenantID(unchecked: "other"))
            _ = try await node.replays.cancel(try #require(first.id), caller: caller)
            _ = try await start(caller.tenant)
        }
    }

    @Test func `a look for what waits looks at so many of a tenant`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            try await test.script(
                """
                insert into apus.replays
                select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                    'acme', null, '', 1, 1, 0
                from generate_series(1, 3000) n;
                insert into apus.replays
                values ('00000000-0000-7000-8000-ffffffffffff', 'other', null, '', 1, 1, 0);
                insert into apus.replay_targets select id, 'sample', 1, 0, 0, '' from apus.replays;
                insert into apus.replay_chunks select id, 1, '{1}' from apus.replays;
                analyze apus.replays, apus.replay_targets, apus.replay_chunks;
                """)
            let waiting = try await node.store.waiting(
                for: ["sample"], node: node.name, limitPerTenant: 20, limit: 1_000)
            #expect(waiting.count == 21)
            #expect(waiting[1].tenant == TenantID(unchecked: "other"))
            let read = try await test.pool.transaction { transaction in
                _ = try await transaction.execute(
                    ConsumerSQL.replayWaiting,
                    [.textArray(["sample"]), .text(node.name), .int8(20), .int8(1_000)])
                return try await transaction.execute(
                    Statement(
                        name: "read",
                        sql: """
                            select sum(seq_tup_read + idx_tup_fetch)::bigint
                            from pg_stat_xact_user_tables
                            where relname in ('replays', 'replay_targets', 'replay_chunks')
                            """), [])
            }
            let rows = try read[0].int64(0)
            #expect(rows < 400, "\(rows) rows were looked at")
        }
    }

    @Test func `replays that ended long ago are forgotten, as late as the ledger`() async throws {
        try await TestLog.with { test in
            try await test.script(
                """
                insert into apus.replays
                select ('00000000-0000-7000-8000-' || lpad(to_hex(days), 12, '0'))::uuid,
                    'acme', null, '', state, 1, 0, 0, null, now() - days * interval '1 day'
                from (values (3, 40), (4, 50), (5, 20), (3, 2)) r (state, days);
                insert into apus.replays
                values ('00000000-0000-7000-8000-0000000000ff', 'acme', null, '', 2, 1, 0);
                insert into apus.replay_targets select id, 'sample', 1, 0, 0, '' from apus.replays;
                """)
            func left(after policy: RetentionPolicy) async throws -> [Int64] {
                let pruning = ReplayPruning(
                    policy: policy, pool: test.pool, wall: SystemWallClock(), logger: .silent)
                try await pruning.round()
                let rows = try await test.rows(
                    """
                    select ('x' || right(t.replay_id::text, 8))::bit(32)::bigint
                    from apus.replays r join apus.replay_targets t on t.replay_id = r.id
                    order by 1
                    """)
                let targets = try await test.rows("select 1 from apus.replay_targets").count
                #expect(targets == rows.count)
                return try rows.map { try $0.int64(0) }
            }
            var policy = RetentionPolicy()
            try await expectEqual(left(after: policy), [2, 20, 255])
            policy.ledgerAge = .seconds(10 * 86_400)
            try await expectEqual(left(after: policy), [2, 255])
        }
    }
}
