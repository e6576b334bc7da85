import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct RetentionTests {
    @Test func `old partitions go whole, and the one with room left stays`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(3_600) }
            try await retention.round()
            try await expectEqual(log.earliest(), 1)
            log.clock.advance(by: .seconds(7_200))
            try await log.finish(&retention)
            try await expectEqual(log.earliest(), 21)
            let tables = try await log.tables()
            #expect(!tables.contains("events_from_1") && !tables.contains("events_from_11"))
            #expect(tables.contains("events_from_21"))
            #expect(log.metrics.exposition().contains("apus_retention_dropped_events_total 20"))
            #expect(log.metrics.exposition().contains("dropped_partitions_total 2"))
        }
    }

    @Test func `by size the oldest go until the rest fits`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            let sizes = try await log.test.pool.execute(RetentionSQL.state).map { try $0.int64(3) }
            // More than the oldest is too much, however many have been made ahead.
            let rest = sizes.dropFirst().reduce(0, +)
            var retention = log.retention { $0.bytes = rest - 1 }
            try await retention.round()
            let earliest = try await log.earliest()
            #expect(earliest > 11 && earliest <= 31)
        }
    }

    @Test func `positions go on after everything was dropped`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(30)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            let bounds = try await log.test.log.bounds()
            #expect(bounds.head == Position(30) && bounds.earliest == Position(31))
            try await expectEqual(log.test.append(.test()), [.stored(31)])
            // Also when no partition was made ahead.
            try await log.test.script(
                """
                do $$
                declare
                    name text;
                begin
                    for name in delete from apus.event_partitions p returning p.name loop
                        execute format('drop table apus.%I', name);
                    end loop;
                    update apus.log_head set covered_through = 0;
                end
                $$
                """)
            let added = try await log.test.rows("select apus.add_events_partition()").only()
            try #expect(added.int64(0) > 31)
        }
    }

    @Test func `an id is known for ever, and its event said to have expired`() async throws {
        try await RetainedLog.with { log in
            let event = NewEvent.test("subject", id: .number(7))
            _ = try await log.test.append(event)
            try await log.fill(9)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.test.append(event), [.duplicate(1)])
            let other = await #expect(throws: EventsError.self) {
                try await log.test.append(.test("subject", id: .number(7), content: 2))
            }
            #expect(other?.code == .alreadyExists)
            let gone = await #expect(throws: EventsError.self) {
                try await log.test.log.event(id: .number(7), tenant: event.tenant)
            }
            #expect(gone?.code == .notFound && gone?.reason == .eventExpired)
            // And the subject's newest position.
            let request = AppendRequest(
                events: [.test("subject")],
                precondition: SubjectPrecondition(
                    tenant: event.tenant, subject: "subject", lastPosition: Position(10)))
            try await expectEqual(log.test.log.append(request), [.stored(11)])
        }
    }

    @Test func `a reader that was overtaken is told the earliest position`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(25)
            let page = try await log.test.log.read(
                after: .zero, filter: .everything, limit: 5, maxBytes: 1 << 20)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            let error = await #expect(throws: EventsError.self) {
                try await log.test.log.read(
                    after: page.scannedThrough, filter: .everything, limit: 5, maxBytes: 1 << 20)
            }
            #expect(error?.code == .outOfRange && error?.reason == .positionExpired)
            #expect(error?.message.contains("earliest position is 21") == true)
            let rest = try await log.test.log.read(
                after: Position(20), filter: .everything, limit: 100, maxBytes: 1 << 20)
            #expect(rest.events.map(\.position.rawValue) == Array(21...25))
        }
    }

    @Test func `only one node at a time does it`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(25)
            log.clock.advance(by: .seconds(120))
            var idle = log.retention { $0.age = .seconds(3_600) }
            var other = log.retention { $0.age = .seconds(60) }
            try await idle.round()
            try await other.round()
            try await expectEqual(log.earliest(), 1)
            try await log.test.script("update apus.leases set expires_at = '-infinity'")
            try await other.round()
            try await expectEqual(log.earliest(), 21)
        }
    }

    @Test func `its figures are shown as long as its lease lasts`() async throws {
        try await RetainedLog.with { log in
            func isShown() -> Bool { !log.metrics.exposition().contains("apus_log_bytes 0\n") }
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(3_600) }
            #expect(!isShown())
            try await retention.round()
            log.clock.advance(by: .seconds(15) - .nanoseconds(1))
            #expect(isShown())
            // It was not heard of since: another node may show its own.
            log.clock.advance(by: .nanoseconds(1))
            #expect(!isShown())
            try await retention.round()
            #expect(isShown())
            try await log.test.script("update apus.leases set holder = 'another'")
            try await retention.round()
            #expect(!isShown())
        }
    }

    @Test func `old rows of the ledger go, but for those of open dead letters`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(20)
            try await log.test.script(
                """
                insert into apus.consumers (name) values ('handler/one');
                insert into apus.ledger
                    (position, consumer_id, attempt, outcome, started_at, duration_us, node)
                select p, 1, 1, 2, now(), 5, 'n' from generate_series(1, 19) p;
                insert into apus.dead_letters
                    (consumer_id, position, tenant_id, dead_lettered_at, reason)
                values (1, 3, 1, now(), 'class');
                """)
            var retention = log.retention { $0.ledgerAge = .seconds(60) }
            try await retention.round()
            let count = "select count(*) from apus.ledger"
            try await expectEqual(log.test.rows(count).only().int64(0), 19)
            log.clock.advance(by: .seconds(120))
            // Of an old event, but recent: a replay.
            try await log.test.script(
                """
                insert into apus.ledger
                    (position, consumer_id, attempt, outcome, started_at, duration_us, node)
                select 5, 1, 1, 2, now() + interval '100 seconds', 5, 'n'
                """)
            try await retention.round()
            let rows = try await log.test.rows("select position from apus.ledger order by 1")
            try #expect(rows.map { try $0.int64(0) } == [3, 5])
        }
    }
    @Test func `what resolved dead letters leave behind goes after their events`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(40)
            // 1: open too. 3: worked on. 5 and 7: resolved. 35: may be in what is kept.
            try await log.test.script(
                """
                insert into apus.consumers (name) values ('handler/one'), ('handler/two');
                insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at,
                    reason, resolved_at, resolution)
                select 1, p, 1, now(), 'class', now(), 1 from unnest('{1,3,5,7,7,35}'::bigint[]) p;
                insert into apus.dead_letters
                    (consumer_id, position, tenant_id, dead_lettered_at, reason)
                values (2, 1, 1, now(), 'class');
                insert into apus.kept_events select * from apus.events where position in
                    (select position from apus.dead_letters);
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select 2, k.partition, 3, 3, 0, 0, 0, 0 from apus.kept_events k
                where k.position = 3;
                """)
            var retention = log.retention {
                $0.hardAge = .seconds(3_600)
                $0.age = .seconds(3_600)
            }
            func left() async throws -> [String] {
                try await log.test.rows(
                    """
                    select 'letter ' || position from apus.dead_letters
                    union all select 'copy ' || position from apus.kept_events order by 1
                    """
                ).map { try $0.string(0) }
            }
            let all = try await left()
            log.clock.advance(by: .seconds(7_200))
            try await log.fill(1)
            try await log.finish(&retention)
            try #expect(await log.earliest() > 10)
            try #expect(await left() == all, "they were resolved just now")
            log.clock.advance(by: .seconds(86_400))
            try await log.finish(&retention)
            try await retention.round()
            let earliest = try await log.earliest()
            let inLog = earliest > 35 ? [] : ["copy 35", "letter 35"]
            let found = try await left()
            #expect(found == (["copy 1", "copy 3", "letter 1", "letter 3"] + inLog).sorted())
        }
    }
}
