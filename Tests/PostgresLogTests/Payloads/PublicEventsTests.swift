import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct PublicEventsTests {
    private static let types = ["lead.created", "order.paid", "note.taken", "other.thing"]

    /// A number below `limit` that follows from the seed and what it is for.
    private static func chance(_ what: String, _ limit: Int) -> String {
        "(abs(hashtextextended(\(what), seed)) % \(limit))"
    }

    /// Books in any state that they can be in, and some in which they cannot.
    private static func books(_ seed: Int) -> String {
        """
        create temp table s as select \(seed)::bigint as seed;
        insert into apus.consumers (name)
        values ('handler/a'), ('handler/b'), ('handler/old'), ('group/acme/g');
        insert into apus.handlers (consumer_id, name, external_side_effects, position)
        select c.id, substr(c.name, 9), false, \(chance("c.name", 60))
        from apus.consumers c, s where c.name like 'handler/%';
        insert into apus.handler_patterns (consumer_id, pattern, regex, counts_after)
        select h.consumer_id, p.regex, p.regex, \(chance("h.name || p.regex", 40))
        from apus.handlers h
        join (values ('a', '^lead\\.'), ('a', '^order\\.'), ('b', '^(lead|note)\\.'), ('b', '^lead'),
            ('old', '^note\\.')) as p (handler, regex) on p.handler = h.name, s;
        insert into apus.consumer_partitions (consumer_id, partition, position, fence)
        select c.id, n, 30 + \(chance("c.name || n", 40)), 1
        from apus.consumers c, generate_series(0, 63) as n, s where c.name <> 'handler/old';
        insert into apus.work
            (consumer_id, partition, position, state, attempt, lost, ticket, fence)
        select c.id, e.partition, e.position, 1, \(chance("'attempt' || e.position", 2)), 0, 1, 1
        from apus.events e, apus.consumers c, s
        where c.name <> 'handler/old' and \(chance("'work' || c.name || e.position", 4)) = 0;
        insert into apus.consumer_lanes (consumer_id, partition, tenant, key, position)
        select c.id, e.partition, t.name,
            case when \(chance("'key' || e.position", 2)) = 0 then ''
                else coalesce(e.partition_key, nullif(e.subject, ''), t.name) end,
            greatest(0, e.position - \(chance("'lane' || e.position", 9)))
        from apus.events e join apus.tenants t on t.id = e.tenant_id, apus.consumers c, s
        where c.name <> 'handler/old' and \(chance("'has' || c.name || e.position", 9)) = 0
        on conflict do nothing;
        insert into apus.dead_letters
            (consumer_id, position, tenant_id, dead_lettered_at, reason, resolved_at, resolution)
        select c.id, e.position, e.tenant_id, now(), 'of ' || c.name, r.at, 1 + 0 * r.n
        from apus.events e, apus.consumers c, s,
            lateral (select case when \(chance("'open' || e.position", 2)) = 0 then now() end as at,
                case when \(chance("'open' || e.position", 2)) = 0 then 1 end as n) r
        where \(chance("'dead' || c.name || e.position", 12)) = 0;
        """
    }

    private static func shown(_ test: TestLog) async throws -> [String: String] {
        let rows = try await test.rows(
            "select id::text, status || coalesce(': ' || error_message, '') from public.events")
        var shown: [String: String] = [:]
        for row in rows {
            let id = try row.string(0)
            #expect(shown[id] == nil, "shown twice")
            shown[id] = try row.string(1)
        }
        return shown
    }

    @Test(arguments: 1...12)
    func `of every event it says what the books say, in any state of them`(seed: Int) async throws {
        try await TestLog.with { test in
            try await test.log.open()
            let events = (0..<70).map { number in
                NewEvent.test(
                    number % 5 == 0 ? "" : "subject-\(number % 7)", tenant: "t\(number % 3)",
                    type: Self.types[number * 31 / 7 % 4])
            }
            _ = try await test.log.append(AppendRequest(events: events))
            try await test.script(Self.books(seed))
            let table = PostgresPayloads(pool: test.pool)
            _ = try await table.claim(fence: 1)
            let history = try await test.history()
            let standings = try await PostgresBooks(pool: test.pool).standings(of: history)
            var wanted: [String: String] = [:]
            for (event, standing) in zip(history, standings) {
                let reason = standing.errorMessage.isEmpty ? "" : ": \(standing.errorMessage)"
                wanted["\(event.id)"] = "\(standing.status)\(reason)"
            }
            #expect(Set(standings.map(\.status)).count == 4)
            // Whether none, some or all payloads are written.
            try await expectEqual(Self.shown(test), wanted)
            var written = Position.zero
            for end: UInt64 in [45, 70] {
                let rows = (written.rawValue + 1...end).map {
                    PayloadRow(position: Position($0), json: "{}")
                }
                _ = try await table.keep(rows, after: written, fence: 1)
                written = Position(end)
                try await expectEqual(Self.shown(test), wanted)
            }
        }
    }
}
