import Events
import Postgres
import Telemetry
import Testing

@testable import PostgresLog

/// What is left of a handler that nobody has any more goes when it is told to.
@Suite struct HandlerForgettingTests {
    /// Has a handler registered that is at `position`, on no node.
    private func leave(_ node: TestNode, at position: UInt64 = 0) async throws {
        try await node.host.register()
        if position > 0 { try await node.record("sample", through: position) }
        _ = try await node.test.rows("delete from apus.consumer_nodes")
    }

    private func forget(
        _ node: TestNode, discarding: Bool = false
    ) async throws -> ForgottenHandler {
        try await node.books.forget(
            "sample", discardingDeadLetters: discarding, by: "an operator")
    }

    private func count(_ node: TestNode, _ sql: String) async throws -> Int64 {
        try await node.test.rows("select count(*) from \(sql)")[0].int64(0)
    }

    @Test func `all goes but the ledger, and nothing waits for it any more`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await leave(node)
            _ = try await test.append(.test("a"), .test("b"), .test("c"))
            let events = try await test.history()
            try await node.record("sample", through: 2, [(events[0], .succeeded)])
            try await test.script(
                """
                delete from apus.consumer_nodes;
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select consumer_id, 0, 2, 1, 1, 0, 1, 1 from apus.handlers;
                insert into apus.consumer_lanes (consumer_id, partition, tenant, key, position)
                select consumer_id, 1, 'acme', '', 1 from apus.handlers;
                """)
            try await expectEqual(count(node, "apus.retention_floors where position = 1"), 1)
            guard case .forgotten(let remains) = try await forget(node) else {
                Issue.record("it stayed")
                return
            }
            #expect(remains.consumer == "handler/sample")
            #expect(remains.standing.position == Position(1))
            #expect(remains.standing.lagEvents == 2)
            #expect(remains.lanes == 1 && remains.unfinished == 1 && remains.replays == 0)
            for table in [
                "apus.handlers", "apus.handler_patterns", "apus.consumer_partitions", "apus.work",
                "apus.consumer_lanes", "apus.retention_floors",
            ] {
                try await expectEqual(count(node, table), 0)
            }
            try await expectEqual(node.host.list().count, 0)
            try await expectEqual(node.outcomes(at: 1), [.succeeded])
            try await expectEqual(node.statuses(), [.processed, .processed, .processed])
            try await expectEqual(forget(node), .unknown)
        }
    }

    @Test func `one that is registered again is new`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let handler = TestHandler(body: { event, _ in
                seen.withLock { $0.append(event.position.rawValue) }
                return .done
            })
            let node = TestNode(test, registry: try .with([handler]))
            try await leave(node)
            _ = try await test.append(.test("a"), .test("b"))
            guard case .forgotten = try await forget(node) else {
                Issue.record("it stayed")
                return
            }
            try await node.running {
                _ = try await test.append(.test("a"))
                let isDone = try await node.eventually { seen.withLock { $0 } == [3] }
                #expect(isDone)
                try await expectEqual(node.host.list().first?.nodes, ["node-1"])
            }
        }
    }

    @Test func `what a node has stays`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.running {
                let isThere = try await node.eventually {
                    try await node.host.list().first?.nodes == ["node-1"]
                }
                #expect(isThere)
                guard case .registered(let standing) = try await forget(node, discarding: true)
                else {
                    Issue.record("it went")
                    return
                }
                #expect(standing.nodes == ["node-1"])
            }
            // It drained, and is gone.
            try await expectEqual(node.host.list().first?.nodes, [])
            guard case .forgotten = try await forget(node) else {
                Issue.record("it stayed")
                return
            }
        }
    }

    @Test func `a node that still holds a partition has the handler`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            try await test.script(
                """
                insert into apus.consumer_nodes values
                    ('drains', now() + interval '1 hour'), ('dead', now() - interval '1 hour');
                update apus.consumer_partitions set holder = 'drains' where partition = 7;
                update apus.consumer_partitions set holder = 'dead' where partition = 8;
                """)
            guard case .registered(let standing) = try await forget(node) else {
                Issue.record("it went")
                return
            }
            #expect(standing.nodes == ["drains"])
        }
    }

    @Test func `dead letters go only when that is said, and the ledger tells who did it`()
        async throws
    {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await leave(node)
            _ = try await test.append(.test("a"))
            let events = try await test.history()
            try await node.record("sample", through: 1, [(events[0], .failed)])
            try await test.script("delete from apus.consumer_nodes")
            try await expectEqual(node.statuses(), [.failed])
            guard case .hasDeadLetters("handler/sample", let standing) = try await forget(node)
            else {
                Issue.record("it went")
                return
            }
            #expect(standing.deadLettered == 1)
            try await expectEqual(node.statuses(), [.failed])
            guard case .forgotten(let remains) = try await forget(node, discarding: true) else {
                Issue.record("it stayed")
                return
            }
            #expect(remains.standing.deadLettered == 1)
            try await expectEqual(node.statuses(), [.processed])
            try await expectEqual(count(node, "apus.dead_letters where resolution = 2"), 1)
            let records = try await node.books.deliveries(at: Position(1), limit: 10).records
            #expect(records.map(\.outcome).contains(.discarded))
            let told = try #require(records.first { $0.outcome == .discarded })
            #expect(told.node == "an operator" && told.consumer == "handler/sample")
        }
    }

    @Test func `a replay that had still to hand it something goes on without it`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await leave(node)
            try await test.script(
                """
                insert into apus.replays
                    (id, tenant, reason, state, matched, max_events_per_second)
                values ('00000000-0000-0000-0000-000000000001', 'acme', '', 2, 3, 0);
                insert into apus.replay_chunks (replay_id, last_position, positions)
                select id, 30, '{15,22,30}' from apus.replays;
                insert into apus.replay_targets (replay_id, handler, events, skipped_reason)
                select id, 'sample', 3, '' from apus.replays
                union all select id, 'other', 3, '' from apus.replays;
                """)
            guard case .forgotten(let remains) = try await forget(node) else {
                Issue.record("it stayed")
                return
            }
            #expect(remains.replays == 1)
            try await expectEqual(
                count(
                    node, "apus.replay_targets where skipped_reason <> '' and handler = 'sample'"),
                1)
            try await expectEqual(
                count(node, "apus.replay_targets where skipped_reason = '' and handler = 'other'"),
                1)
        }
    }

    @Test func `a node that was away meanwhile has it as a new one`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let handler = TestHandler(body: { event, _ in
                seen.withLock { $0.append(event.position.rawValue) }
                return .done
            })
            let node = TestNode(test, registry: try .with([handler]))
            try await node.running {
                _ = try await test.append(.test("a"))
                let isFirst = try await node.eventually { seen.withLock { $0 } == [1] }
                #expect(isFirst)
                let consumer = try #require(try await node.books.find("sample")?.consumer)
                // As if its sign of life had come too late.
                try await test.pool.transaction { transaction in
                    _ = try await transaction.execute(
                        ConsumerSQL.handlerForget,
                        [.int4(consumer), .text("sample"), .text("an operator")])
                }
                let isBack = try await node.eventually {
                    try await node.host.list().first?.nodes == ["node-1"]
                }
                #expect(isBack)
                _ = try await test.append(.test("a"))
                let isSecond = try await node.eventually { seen.withLock { $0 } == [1, 2] }
                #expect(isSecond)
            }
        }
    }
}
