import Events
import Postgres
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct LogVerifierTests {
    /// Ten events in two appends, of which the subjects are `subject-0` to `subject-4`, twice.
    private static func fill(_ test: TestLog) async throws {
        try await test.log.open()
        for _ in 0..<2 {
            let events = (0..<5).map {
                NewEvent.test("subject-\($0)", id: .v7(at: Timestamp(seconds: 1, nanoseconds: 0)))
            }
            _ = try await test.log.append(AppendRequest(events: events))
        }
        // The second partition is ahead, whoever made it.
        try await test.script(
            """
            select case when max(last_position) = 1000000 then apus.add_events_partition() end
            from apus.event_partitions
            """)
        try await test.script(
            """
            select apus.open_partitions();
            update apus.log_head set covered_through = 2000000;
            """)
    }

    @Test func `a log as it should be has nothing to say`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let (summary, findings) = try await test.verify()
            #expect(findings.isEmpty)
            #expect(summary.events == 10 && summary.identities == 10)
            #expect(summary.first == Position(1) && summary.last == Position(10))
            #expect(summary.withoutChecksum == 0 && summary.unknownSchemas == 0)
        }
    }

    @Test func `what waits in the outbox, and what it gave up, is counted`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script(
                """
                select apus.allow_publishing(session_user::text, '*');
                select apus.publish('lead.created', '{}', tenant => 'acme')
                from generate_series(1, 3);
                with one as (delete from apus.outbox where number = 2 returning *)
                insert into apus.outbox_rejects select *, now(), 'INVALID', '' from one;
                """)
            let (summary, findings) = try await test.verify()
            #expect(findings.isEmpty)
            #expect(summary.waiting == 2 && summary.rejects == 1)
        }
    }

    @Test func `an empty log is right`() async throws {
        try await TestLog.with { test in
            try await expectEqual(test.verify().findings, [])
        }
    }

    @Test func `what retention has dropped is not missing`() async throws {
        try await RetainedLog.with { log in
            try await log.test.log.open()
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            let (summary, findings) = try await log.test.verify()
            #expect(findings.isEmpty)
            #expect(summary.events == 5 && summary.first == Position(21))
            #expect(summary.identities == 25)
            // Nor while its table waits for somebody.
            try await log.fill(10)
            try await log.withOpenReader { _ in
                try await retention.round()
                try await expectEqual(log.test.verify().findings, [])
            }
        }
    }

    @Test func `a log that is written to, and that loses its oldest events, is right`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.test.log.open()
            try await log.fill(200)
            log.clock.advance(by: .seconds(120))
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for _ in 0..<10 { try await expectEqual(log.test.verify().findings, []) }
                    return true
                }
                group.addTask {
                    while !Task.isCancelled { try await log.fill(3) }
                    return false
                }
                group.addTask {
                    var retention = log.retention { $0.age = .seconds(60) }
                    while !Task.isCancelled { try await retention.round() }
                    return false
                }
                while let isDone = try await group.next(), !isDone {}
                group.cancelAll()
                while let result = await group.nextResult() { _ = result }
            }
        }
    }

    /// What one statement of damage leads to.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let findings: [String]
        var testDescription: String { sql }

        init(_ sql: String, _ findings: String...) {
            self.sql = sql
            self.findings = findings
        }
    }

    @Test(arguments: [
        Damage(
            "delete from apus.events where position in (4, 5)",
            "missing: position 4: there are no events up to 5",
            "append: position 1: an append stored 1 to 5, of which 3 are there"),
        Damage(
            "delete from apus.events where position = 10",
            "missing: position 10: there is no event",
            "append: position 6: an append stored 6 to 10, of which 4 are there"),
        Damage(
            "update apus.events set partition = (partition + 1) % 64 where position = 3",
            "partition: position 3, event ID3: its partition is WRONG3, not RIGHT3"),
        Damage(
            "delete from apus.identities where position = 3",
            "identity: position 3, event ID3: it has no identity: its id would be taken again"),
        Damage(
            "update apus.identities set position = 4 where position = 3",
            "identity: position 3, event ID3: its id is known from position 4",
            "identity: position 4, event ID3: its identity is there, and event ID4 is stored there"),
        Damage(
            "update apus.identities set position = -4 where position = 3",
            "identity: position 3, event ID3: its id is known from position 0",
            "identity: event ID3: its identity is at -4, which is no position"),
        Damage(
            "update apus.identities set subject_key = null where position = 3",
            "identity: position 3, event ID3: its identity has no subject"),
        Damage(
            "update apus.events set kind = 7 where position = 3",
            "value: position 3, event ID3: its kind is 7, not 1 to 3"),
        Damage(
            "update apus.events set occurred_nanos = 1000 where position = 3",
            "value: position 3, event ID3: it has 1000 nanoseconds, not 0 to 999",
            "checksum: position 3, event ID3: it is not what was published: its checksum is another"
        ),
        Damage(
            "update apus.events set type_id = 99 where position = 3",
            "value: position 3, event ID3: its tenant or its type has no name"),
        Damage(
            "update apus.events set recorded_at = 'epoch' where position = 8",
            "order: position 8, event ID8: it was recorded before the event in front of it",
            "append: position 6: event 8 has another time than the append that stored it"),
        Damage(
            "update apus.events set data = '\\xff' where position = 3",
            "schema: position 3, event ID3: its data is no test.lead.created: data.name must be text",
            "checksum: position 3, event ID3: it is not what was published: its checksum is another"
        ),
        Damage(
            "update apus.types set version = 2",
            "schema: position 1, event ID1: its data is of lead.created version 1, and it is said to"
                + " be of lead.created version 2"),
        Damage(
            "update apus.events set data = '\\x01' where position = 3",
            "checksum: position 3, event ID3: it is not what was published: its checksum is another"
        ),
        Damage(
            "update apus.events set source = 'other' where position = 3",
            "checksum: position 3, event ID3: it is not what was published: its checksum is another"
        ),
        Damage(
            "update apus.appends set first_position = 7 where first_position = 6",
            "append: position 7: an append begins here, and the one before ends at 5"),
        Damage(
            "alter table apus.events detach partition apus.events_from_1",
            "table: position 1: partition events_from_1 is listed, and there is no such table",
            "missing: position 1: there are no events up to 10",
            "append: position 1: an append stored 1 to 5, of which 0 are there",
            "append: position 6: an append stored 6 to 10, of which 0 are there"),
        Damage(
            "delete from apus.event_partitions where first_position = 1000001",
            "table: table events_from_1000001 is a partition of the log and not listed as one",
            "table: position 2000000: appends are told of partitions up to here, where none are"),
        Damage(
            "update apus.event_partitions set last_position = 999999 where first_position = 1",
            "table: position 1: partition events_from_1 holds FOR VALUES FROM ('1') TO ('1000001'),"
                + " not 1 to 999999",
            "table: position 1000001: partition events_from_1000001 does not begin where the one"
                + " before ends, at 999999"),
        Damage(
            "update apus.log_epochs set opened_after = 11",
            "epoch: position 11: epoch 1 opened here, not from 0 to 10"),
        Damage("delete from apus.log_epochs", "epoch: the log has no epoch"),
        Damage(
            """
            insert into apus.outbox (published_at, published_by, bytes, id, id_chosen, tenant, type,
                payload, subject, partition_key, source)
            select now(), 'me', 9, id, false, 'acme', 'lead.created', '\\x01', '', 'acme', 'crm'
            from apus.events where position = 3
            """,
            "outbox: position 3: number 1 of the outbox is stored there, and still in the outbox"),
        Damage(
            """
            with rejected as (
                insert into apus.outbox_rejects (transaction_id, number, published_at, published_by,
                    bytes, id, id_chosen, tenant, type, payload, subject, partition_key, source,
                    reason, detail)
                values (pg_current_xact_id()::text::bigint, 1, now(), 'me', 9, gen_random_uuid(),
                    false, 'acme', 'lead.created', '\\x01', '', 'acme', 'crm', 'INVALID', '')
                returning published_at
            )
            insert into apus.outbox (published_at, published_by, bytes, id, id_chosen, tenant, type,
                payload, subject, partition_key, source)
            select published_at, 'me', 9, gen_random_uuid(), false, 'acme', 'lead.created',
                '\\x01', '', 'acme', 'crm'
            from rejected
            """,
            "outbox: number 1 is in the outbox and in its rejects"),
        Damage(
            """
            insert into apus.leads (tenant, lead_id, source, created_at, position)
            values ('acme', '7', 'crm', now(), 11)
            """,
            "projection: position 11: lead-analytics counted a lead from it, and got as far as 10",
            "projection: lead-analytics has 1 leads of tenant acme, 0 in its funnel, 0 in its days"),
        Damage(
            "insert into apus.lead_funnel values ('acme', 'crm', 'created', 2)",
            "projection: lead-analytics has 0 leads of tenant acme, 2 in its funnel, 0 in its days"),
    ])
    func `damage is named with its place`(_ damage: Damage) async throws {
        try await TestLog.with(after: Self.twoPartitions) { test in
            try await Self.fill(test)
            let rows = try await test.rows(
                "select id, partition from apus.events order by position")
            let ids = try rows.map { "\(EventID(try $0.uuid(0)))" }
            let partitions = try rows.map { Int(try $0.int16(1)) }
            try await test.script(damage.sql)
            let (_, findings) = try await test.verify()
            let expected = damage.findings.map { finding in
                var finding = finding.replacing("WRONG3", with: "\((partitions[2] + 1) % 64)")
                finding = finding.replacing("RIGHT3", with: "\(partitions[2])")
                for number in 1...9 {
                    finding = finding.replacing("ID\(number)", with: ids[number - 1])
                }
                return finding
            }
            // One that concerns every event is given for the first.
            for finding in expected {
                #expect(findings.contains(finding), "\(findings)")
            }
            #expect(findings.count == expected.count || damage.sql.contains("apus.types"))
        }
    }

    /// So many that the log makes none meanwhile. Each step is a transaction.
    private static let twoPartitions = """
        select apus.add_events_partition(); commit;
        select apus.open_partitions(); commit;
        update apus.log_head set covered_through = 1000000; commit;
        select apus.add_events_partition(); commit;
        select apus.open_partitions(); commit;
        update apus.log_head set covered_through = 2000000;
        """

    private static let handler = """
        insert into apus.consumers (name) values ('handler/one');
        insert into apus.handlers (consumer_id, name, external_side_effects, position)
        values (1, 'one', false, 10);
        insert into apus.unfinished (position, consumer_id, tenant_id) values (3, 1, 1);
        insert into apus.kept_events select * from apus.events where position = 3;
        insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at, reason)
        values (1, 3, 1, now(), 'class');
        insert into apus.ledger
            (position, consumer_id, attempt, outcome, started_at, duration_us, node)
        values (3, 1, 1, 6, now(), 5, 'node');
        insert into apus.consumers (name) values ('group/acme/two');
        insert into apus.consumer_partitions (consumer_id, partition, position, fence)
        values (2, 0, 5, 1);
        insert into apus.work (consumer_id, partition, position, state, attempt, lost, ticket, fence)
        values (2, 0, 4, 1, 0, 0, 0, 1);
        """

    @Test(arguments: [
        Damage("select 1"),
        Damage(
            "update apus.handlers set position = 11",
            "cursor: position 11: the cursor of handler one is outside the log, which ends at 10"),
        Damage(
            "update apus.handlers set position = 2",
            "cursor: position 3: handler one has it open above its cursor, 2"),
        Damage(
            "insert into apus.unfinished (position, consumer_id, tenant_id) values (4, 2, 1)",
            "cursor: position 4: it is open for consumer 2, which is no handler"),
        Damage(
            "update apus.consumer_partitions set position = 12",
            "cursor: position 12: the cursor of group/acme/two in partition 0 is outside the log,"
                + " which ends at 10"),
        Damage(
            "update apus.consumer_partitions set position = 3",
            "cursor: position 4: group/acme/two works on it above its cursor in partition 0, 3"),
        Damage(
            "delete from apus.kept_events",
            "deadLetter: position 3: the open dead letter of handler/one has no copy of its event"),
        Damage(
            "update apus.kept_events set data = '\\x00'",
            "deadLetter: position 3: the copy of the event that the dead letter of handler/one has"
                + " differs from it"),
        Damage(
            "update apus.dead_letters set tenant_id = 7",
            "deadLetter: position 3: the dead letter of handler/one is of tenant 7, the copy of its"
                + " event of 1"),
        Damage(
            "update apus.dead_letters set position = 30; delete from apus.unfinished",
            "deadLetter: position 30: a dead letter of handler/one is outside the log, which ends at"
                + " 10"),
        Damage(
            "update apus.ledger set position = 11",
            "ledger: position 11: a row of the ledger is outside the log, which ends at 10"),
        Damage(
            "update apus.ledger set consumer_id = 7",
            "ledger: position 3: the ledger names consumer 7, which is unknown"),
        Damage(
            "update apus.ledger set attempt = 0",
            "ledger: position 3: the ledger has attempt 0 of handler/one"),
        Damage(
            "update apus.ledger set outcome = 9",
            "ledger: position 3: the ledger has outcome 9 of handler/one"),
    ])
    func `books that contradict the log are named`(_ damage: Damage) async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script(Self.handler)
            try await test.script(damage.sql)
            try await expectEqual(test.verify().findings, damage.findings)
        }
    }

    @Test func `what cannot be checked is counted`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script(
                """
                update apus.events set checksum = null where position < 4;
                update apus.types set message = 'elsewhere.' || message;
                """)
            let (summary, _) = try await test.verify()
            #expect(summary.withoutChecksum == 3 && summary.unknownSchemas == 10)
        }
    }
}
