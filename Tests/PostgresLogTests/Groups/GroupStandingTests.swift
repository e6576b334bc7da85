import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct GroupStandingTests {
    /// Ten events a second apart, the last one just now, and groups of which each has all partitions
    /// at a position.
    private static func groups(_ positions: [(name: String, position: Int)]) -> String {
        var sql = "update apus.events set recorded_at = now() - (10 - position) * interval '1 s';"
        for (name, position) in positions {
            sql += """
                with c as (
                    insert into apus.consumers (name) values ('group/\(name)') returning id
                ), g as (
                    insert into apus.groups (consumer_id, tenant, name, types, subject_prefix,
                        sources, kinds, start_kind, ordering, max_attempts, ack_deadline_us)
                    select id, 'acme', '\(name)', '{}', '', '{}', '{}', 1, 1, 10, 30000000 from c
                )
                insert into apus.consumer_partitions
                    (consumer_id, partition, position, fence, serial)
                select id, p, \(position), 1, 1 from c, generate_series(0, 63) p;
                """
        }
        return sql
    }

    private func with(
        _ positions: [(name: String, position: Int)],
        _ body: @escaping @Sendable (TestLog, PostgresGroups) async throws -> Void
    ) async throws {
        try await TestLog.with { test in
            _ = try await test.log.append(
                AppendRequest(events: (0..<10).map { .test("s\($0)") }))
            try await test.script(Self.groups(positions))
            try await body(test, PostgresGroups(pool: test.pool))
        }
    }

    /// Everything but the age, which time changes.
    private func figures(_ standing: GroupStanding) -> [Int] {
        [
            Int(standing.lagEvents), standing.members, standing.inFlight, standing.deadLettered,
        ]
    }

    @Test func `a standing is what the group's own status says`() async throws {
        try await with([("done", 10), ("late", 4)]) { test, groups in
            try await test.script(
                """
                update apus.consumer_partitions p set position = 10
                from apus.groups g
                where g.consumer_id = p.consumer_id and g.name = 'late' and p.partition > 3;
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence, revived)
                select g.consumer_id, 5, w.position, w.state, 1, 0, 1, 1, w.revived
                from apus.groups g, (values (2, 3, false), (3, 2, true), (4, 2, false),
                    (8, 1, false)) as w (position, state, revived)
                where g.name = 'late';
                insert into apus.consumer_nodes values ('alive', now() + interval '1 hour'),
                    ('dead', now() - interval '1 s');
                insert into apus.consumer_members
                select consumer_id, n, 3 from apus.groups, (values ('alive'), ('dead')) as m (n)
                where name = 'late';
                insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at,
                    reason, resolved_at, resolution)
                select g.consumer_id, e.position, e.tenant_id, now(), '',
                    case when e.position = 1 then now() end, case when e.position = 1 then 1 end
                from apus.groups g, apus.events e
                where g.name = 'late' and e.position < 4;
                """)
            let standings = try await groups.standings(limit: 10)
            try #require(standings.compactMap(\.group?.name.rawValue) == ["done", "late"])
            #expect(figures(standings[0]) == [0, 0, 0, 0])
            #expect(standings[0].lag == .zero)
            // The oldest that is not finished is the fourth, recorded six seconds before the last.
            #expect(figures(standings[1]) == [7, 3, 2, 2])
            #expect(standings[1].lag >= .seconds(6))
            for standing in standings {
                let group = try #require(standing.group)
                let read = try await groups.status(group.name, tenant: group.tenant)
                let status = try #require(read)
                #expect(
                    figures(standing) == [
                        Int(status.lagEvents), status.members, status.inFlight,
                        status.deadLettered,
                    ])
                #expect(status.lag >= standing.lag)
            }
        }
    }

    @Test func `what a lane has not read is not finished`() async throws {
        try await with([("g", 10)]) { test, groups in
            try await test.script(
                "insert into apus.consumer_lanes select consumer_id, 9, 'acme', '', 6"
                    + " from apus.groups")
            let standings = try await groups.standings(limit: 10)
            #expect(standings.map(\.lagEvents) == [4])
        }
    }

    @Test func `the newest groups are counted together, by the slowest of them`() async throws {
        try await with([("c", 9), ("b", 8), ("a", 3), ("d", 5)]) { test, groups in
            try await test.script(
                """
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence)
                select consumer_id, 1, 10, 2, 1, 0, 1, 1 from apus.groups
                """)
            let standings = try await groups.standings(limit: 2)
            #expect(standings.map { $0.group?.name.rawValue } == ["b", "c", nil])
            #expect(standings.map(figures) == [[2, 0, 1, 0], [1, 0, 1, 0], [7, 0, 2, 0]])
            #expect(standings[2].lag >= .seconds(6))
        }
    }

    @Test func `a log without groups has no standings`() async throws {
        try await with([]) { _, groups in
            try await expectEqual(groups.standings(limit: 10), [])
        }
    }
}
