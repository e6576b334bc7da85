import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct RetentionFloorTests {
    /// A handler that has done all up to a position.
    private static func handler(at position: Int, name: String = "slow") -> String {
        """
        insert into apus.consumers (name) values ('handler/\(name)');
        insert into apus.handlers (consumer_id, name, external_side_effects, position)
        select id, '\(name)', false, \(position) from apus.consumers where name = 'handler/\(name)';
        """
    }

    @Test func `what a handler still needs stays, and that is said once`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(Self.handler(at: 14))
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await retention.round()
            try await expectEqual(log.earliest(), 11)
            #expect(log.metrics.exposition().contains("apus_retention_held_events 20"))
            let said = log.sink.records.filter { "\($0.message)".hasPrefix("Retention waits") }
            #expect(said.count == 1)
            #expect(said.first?.level == .warning)

            try await log.test.script("update apus.handlers set position = 35")
            try await retention.round()
            try await expectEqual(log.earliest(), 31)
            #expect(log.metrics.exposition().contains("apus_retention_held_events 0"))
        }
    }

    @Test func `an event left open holds the log, a dead letter does not`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(
                Self.handler(at: 35)
                    + """
                    insert into apus.work
                        (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                    values (1, 0, 3, 3, 1, 0, 1, 1), (1, 0, 25, 1, 1, 0, 1, 1);
                    insert into apus.dead_letters
                        (consumer_id, position, tenant_id, dead_lettered_at, reason)
                    values (1, 3, 1, now(), 'class');
                    """)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.earliest(), 21)
        }
    }

    @Test func `a replay under way holds what it has not handed out`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(
                """
                insert into apus.replays
                    (id, tenant, reason, state, matched, max_events_per_second)
                values ('00000000-0000-0000-0000-000000000001', 'acme', '', 2, 3, 0);
                insert into apus.replay_chunks (replay_id, last_position, positions)
                select id, 30, '{15,22,30}' from apus.replays;
                insert into apus.replay_targets (replay_id, handler, events, skipped_reason)
                select id, 'one', 3, '' from apus.replays
                union all select id, 'two', 3, 'left out' from apus.replays;
                """)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.earliest(), 11)
            try await log.test.script("update apus.replay_targets set position = 22")
            try await retention.round()
            try await expectEqual(log.earliest(), 21)
            try await log.test.script("update apus.replays set state = 3")
            try await retention.round()
            try await expectEqual(log.earliest(), 31)
        }
    }

    @Test func `a hard limit moves consumers and writes down what they missed`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(
                Self.handler(at: 4) + Self.handler(at: 33, name: "fast")
                    + """
                    insert into apus.work
                        (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                    values (1, 0, 2, 1, 0, 0, 0, 0), (2, 0, 32, 1, 0, 0, 0, 0);
                    """)
            var retention = log.retention {
                $0.age = .seconds(60)
                $0.hardAge = .seconds(600)
            }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.earliest(), 1)
            log.clock.advance(by: .seconds(600))
            try await retention.round()
            try await expectEqual(log.earliest(), 31)
            let handlers = try await log.test.rows(
                "select name, position from apus.handlers order by name")
            try #expect(handlers.map { try $0.string(0) } == ["fast", "slow"])
            try #expect(handlers.map { try $0.int64(1) } == [33, 30])
            let work = try await log.test.rows("select position from apus.work")
            try #expect(work.map { try $0.int64(0) } == [32])
            let skipped = try await log.test.rows(
                "select consumer, first_position, last_position from apus.skipped_stretches"
            ).only()
            try #expect(skipped.string(0) == "handler/slow")
            try #expect(skipped.int64(1) == 2 && skipped.int64(2) == 30)
            #expect(log.sink.messages.contains { $0.hasPrefix("A hard limit of retention moved") })
            #expect(log.metrics.exposition().contains("skipped_events_total 29"))
        }
    }

    @Test func `who begins anew after retention looked holds the log`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(Self.handler(at: 14))
            // As if the handler had been past all that when its floor was asked for.
            let statement = "select consumer, position from apus.expire_partitions(30, 10)"
            let kept = try await log.test.rows(statement).only()
            try #expect(kept.isNull(0))
            try #expect(kept.int64(1) == 14)
            try await expectEqual(log.earliest(), 1)
            try await log.test.script("update apus.handlers set position = 30")
            let moved = try await log.test.rows(statement)
            #expect(moved.count == 0)
            try await expectEqual(log.earliest(), 31)
        }
    }

    /// A trail that has come so far, written by a node that was there `ago`.
    private static func trail(at position: Int, ago: String = "0") -> String {
        """
        insert into apus.audit_head (position, hash, rows, fence)
        values (\(position), decode(repeat('00', 32), 'hex'), \(position), 1);
        insert into apus.leases (name, holder, fence, expires_at)
        values ('audit', 'node', 1, clock_timestamp() - interval '\(ago)');
        """
    }

    @Test func `when the log is dropped the audit trail is asked once more, as everybody is`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(Self.trail(at: 14))
            let statement = "select consumer, position from apus.expire_partitions(30, 10)"
            let kept = try await log.test.rows(statement).only()
            try #expect(kept.isNull(0))
            try #expect(kept.int64(1) == 14)
            try await expectEqual(log.earliest(), 1)
            // Up to what a hard limit forces nobody is asked, and it is no consumer to be moved.
            let forced = try await log.test.rows(
                "select consumer, position from apus.expire_partitions(20, 20)")
            #expect(forced.count == 0)
            try await expectEqual(log.earliest(), 21)
        }
    }

    @Test func `a trail that nobody wrote for a day holds nothing back`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(Self.trail(at: 14, ago: "25 hours"))
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.earliest(), 31)
        }
    }

    @Test func `a handler that a hard limit overtook goes on behind it`() async throws {
        try await RetainedLog.with { log in
            let handled = Lock<[UInt64]>([])
            let handler = TestHandler { event, _ in
                handled.withLock { $0.append(event.position.rawValue) }
                return .done
            }
            let node = try TestNode(log.test, registry: .with([handler]))
            try await node.host.register()
            try await log.fill(25)
            var retention = log.retention { $0.hardAge = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await node.running {
                try await expectEqual(
                    node.eventually { handled.withLock { $0.count } >= 5 }, true)
            }
            #expect(handled.withLock { $0 } == Array(21...25))
        }
    }
}
