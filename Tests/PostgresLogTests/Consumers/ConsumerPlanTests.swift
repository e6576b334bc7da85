import Postgres
import Testing

@testable import PostgresLog

/// The consumers' statements on tables that have grown: none may read one from end to end.
@Suite struct ConsumerPlanTests {
    private static let rows = """
        insert into apus.consumers (name) values ('handler/a'), ('handler/b');
        insert into apus.handlers
        select id, substr(name, 9), false, 100000 from apus.consumers;
        select apus.adopt_handlers();
        insert into apus.handler_patterns
        select id, 'lead.*', '^lead\\.[^.]+$', 0 from apus.consumers;
        insert into apus.tenants (name) select 't' || n from generate_series(1, 10) n;
        insert into apus.ledger
            (position, consumer_id, attempt, outcome, started_at, duration_us, node)
        select n, 1, 1, 2, now(), 5, 'n' from generate_series(1, 100000) n;
        insert into apus.work (consumer_id, partition, position, state, attempt, lost, ticket, fence)
        select 1, n % 64, n, 1, 0, 0, 0, 0 from generate_series(1, 9000) n;
        insert into apus.dead_letters
            (consumer_id, position, tenant_id, dead_lettered_at, reason)
        select 1, n * 10, 1 + n % 10, now(), 'x' from generate_series(1, 9000) n;
        insert into apus.replays
        select gen_random_uuid(), 't' || n % 10, null, '', 3, 5, 0
        from generate_series(1, 9000) n;
        insert into apus.replay_targets select id, 'a', 1, 1, 0, '' from apus.replays;
        insert into apus.replay_chunks
        select r.id, k, array[k]::bigint[]
        from (select id from apus.replays limit 10) r, generate_series(1, 2000) k;
        insert into apus.leases select 'replay/' || id, 'n', 1, now() from apus.replays;
        analyze;
        """

    private static let statements: [(Statement, [String])] = [
        (
            ConsumerSQL.eventStandings,
            [
                "'{500,501,502}'", "'{lead.a,lead.a,lead.a}'", "'{1,2,3}'", "'{t1,t1,t2}'",
                "'{a,b,c}'",
            ]
        ),
        (ConsumerSQL.handlerUnreached, ["'a'", "'{500,501}'", "'{1,2}'", "'{t1,t1}'", "'{a,b}'"]),
        (ConsumerSQL.eventDeliveries, ["500", "101"]),
        (
            DeadLetterSQL.revive,
            [
                "'acme'", "'handler/a'", "null", "null", "null", "null", "null", "null", "0", "500",
                "1", "100", "null", "0",
            ]
        ),
        (
            DeadLetterSQL.discard,
            [
                "'acme'", "null", "null", "null", "null", "null", "null", "null", "'x'", "500", "1",
                "100", "'n'",
            ]
        ),
        (ConsumerSQL.rebuildDeadLetters, ["1", "500", "100"]),
        (ConsumerSQL.unfinishedOldest, ["true", "null", "0", "9000000", "200"]),
        (ConsumerSQL.unfinishedNewest, ["false", "'{t3}'", "0", "9000000", "200"]),
        (ConsumerSQL.handlerFinish, ["'a'", "'{500,600}'", "3::smallint"]),
        (ConsumerSQL.replayFind, ["'t1'", Self.id, "null"]),
        (ConsumerSQL.replayFind, ["'t1'", "null", "'r-1'"]),
        (ConsumerSQL.replayList, ["'t1'", "null", "50"]),
        (ConsumerSQL.replayPositions, [Self.id, "500", "200"]),
        (ConsumerSQL.replayWaiting, ["'{a,b}'", "'n'", "100", "1000"]),
        (RetentionSQL.replaysPrune, ["'2026-01-01'::timestamptz", "1000"]),
        (ConsumerSQL.replayStranded, ["100"]),
        (ConsumerSQL.replayOpenTargets, [Self.id]),
        (ConsumerSQL.replayKeepHandler, ["'a'"]),
        (ConsumerSQL.replayAttempts, [Self.id, "'a'", "500"]),
        (ConsumerSQL.replayAdvance, [Self.id, "1", "'a'", "0", "1", "1", "0"]),
        (ConsumerSQL.replayClaim, [Self.id, "1"]),
        (ConsumerSQL.leaseAcquire, ["'replay/x'", "'n'", "6000"]),
        (ConsumerSQL.leaseRenew, ["'replay/x'", "'n'", "1", "6000"]),
    ]

    private static let id = "'00000000-0000-7000-8000-000000000000'::uuid"

    @Test func `every statement finds its rows by an index`() async throws {
        try await TestLog.with { test in
            try await test.script(Self.rows)
            for (statement, values) in Self.statements {
                var sql = statement.sql
                for (index, value) in values.enumerated().reversed() {
                    sql = Self.replacing("$\(index + 1)", with: value, in: sql)
                }
                let plan = try await test.rows("explain (costs off) \(sql)")
                for row in plan {
                    let line = try row.string(0)
                    let grown = ["ledger", "dead_letters", "replay", "leases"]
                    let isScan = grown.contains { line.contains("Seq Scan on \($0)") }
                    #expect(!isScan, "\(statement.name): \(line)")
                }
            }
        }
    }

    @Test func `a batch finds its rows one by one, whatever statistics say`() async throws {
        try await TestLog.with { test in
            // As autovacuum may see it: a moment at which there is little work.
            try await test.script(
                """
                insert into apus.consumers (name) values ('handler/a');
                insert into apus.handlers select id, 'a', false, 0 from apus.consumers;
                select apus.adopt_handlers();
                update apus.consumer_partitions set holder = 'n', fence = 1;
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select 1, n % 64, n, 1, 0, 0, 0, 0 from generate_series(1, 9000) n;
                delete from apus.work where position < 9000;
                analyze apus.work, apus.consumer_partitions;
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select 1, n % 64, n, 1, 0, 0, 0, 0 from generate_series(9001, 18000) n;
                """)
            let over = (0..<20).map { Int64(9_024 + 64 * $0) }
            let read = try await test.pool.transaction { transaction in
                let answer = try await transaction.execute(
                    Statement(
                        name: "consume",
                        sql: """
                            select number from apus.consume(
                                1, 'n', false, false, '{0}', '{1}', '{0}', '{20000}', '{f}', '{}',
                                '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                                array_fill(0::smallint, array[20]), $1,
                                array_fill(0::smallint, array[20]), '{}', '{}', '{}', '{}', '{}',
                                '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                                '{0}')
                            """), [.int8Array(over)])
                #expect(answer.isEmpty)
                return try await transaction.execute(
                    Statement(
                        name: "read",
                        sql: """
                            select sum(seq_tup_read + idx_tup_fetch)::bigint, sum(n_tup_del)::bigint
                            from pg_stat_xact_user_tables
                            where relname in ('work', 'consumer_partitions')
                            """), [])
            }
            let (rows, deleted) = (try read[0].int64(0), try read[0].int64(1))
            #expect(deleted == 20)
            #expect(rows < 30, "\(rows) rows were looked at")
        }
    }

    /// 20,000 dead letters that are open and 20,000 that were resolved: of a handler for one tenant,
    /// and of that tenant's group. Another tenant has three of the handler, and two of its own group.
    private static let othersLetters = """
        insert into apus.tenants (name) values ('big'), ('small');
        insert into apus.types (name, version, message) values ('lead.created', 1, 'm');
        insert into apus.consumers (name)
        values ('handler/mail'), ('group/big/g'), ('group/small/g');
        insert into apus.handlers select id, 'mail', false, 0 from apus.consumers
        where name = 'handler/mail';
        insert into apus.groups (consumer_id, tenant, name, types, subject_prefix, sources, kinds,
            start_kind, ordering, max_attempts, ack_deadline_us)
        select id, split_part(name, '/', 2), 'g', '{}', '', '{}', '{}', 1, 1, 10, 30000000
        from apus.consumers where name like 'group/%';
        insert into apus.kept_events (position, occurred_at, recorded_at, id, tenant_id, type_id,
            partition, kind, occurred_nanos, source, subject, data)
        select n, now(), now(), gen_random_uuid(), case when n > 20000 then 2 else 1 end, 1,
            n % 64, 1, 0, 's', '', '\\x00'
        from generate_series(1, 20005) n;
        insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at, reason,
            resolved_at, resolution)
        select c.id, n, 1, now(), 'x', r.at, case when r.at is null then null else 1 end
        from generate_series(1, 20000) n
        join apus.consumers c on c.name =
            case when n % 2 = 0 then 'handler/mail' else 'group/big/g' end
        cross join (values (now()), (null)) r (at);
        insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at, reason)
        select c.id, n, case when n = 20004 then 1 else 2 end, now(), 'x'
        from generate_series(20001, 20005) n
        join apus.consumers c on c.name =
            case when n <= 20003 then 'handler/mail' else 'group/small/g' end;
        analyze;
        """

    @Test(arguments: [nil, "handler/mail", "group/g"])
    func `a tenant's dead letters are found among any number of others'`(consumer: String?)
        async throws
    {
        let expected: Int64 = consumer == nil ? 5 : consumer == "handler/mail" ? 3 : 2
        let stored = consumer == "group/g" ? "group/small/g" : consumer
        let chosen: [Parameter] =
            [.text("small"), .text(stored)] + Array(repeating: .null, count: 6)
        let page: [Parameter] = [.int8(0), .int4(0), .int8(1_000)]
        try await TestLog.with { test in
            try await test.script(Self.othersLetters)
            let steps: [(Statement, [Parameter], (Rows) throws -> Int64)] = [
                (
                    DeadLetterSQL.list, chosen + [.int8(0), .int8(100), .int8(1 << 20)],
                    { Int64($0.count) }
                ),
                (
                    DeadLetterSQL.revive, chosen + [.int8(0)] + page + [.null, .int8(0)],
                    { try $0[0].int64(1) }
                ),
                (
                    DeadLetterSQL.discard, chosen + [.text("")] + page + [.text("n")],
                    { try $0[0].int64(0) }
                ),
            ]
            for (statement, parameters, count) in steps {
                let (found, touched) = try await test.pool.transaction { transaction in
                    let rows = try await transaction.execute(statement, parameters)
                    let touched = try await transaction.execute(
                        Statement(
                            name: "touched",
                            sql: """
                                select sum(seq_tup_read + idx_tup_fetch)::bigint
                                from pg_stat_xact_user_tables
                                where relname in ('dead_letters', 'kept_events')
                                """), [])
                    return (try count(rows), try touched.only().int64(0))
                }
                #expect(found == expected, "\(statement.name)")
                #expect(touched < 40, "\(statement.name) touched \(touched) rows")
            }
        }
    }

    private static func replacing(_ word: String, with value: String, in text: String) -> String {
        var result = ""
        var rest = text[...]
        while let range = rest.firstRange(of: word) {
            result += rest[..<range.lowerBound] + value
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
