import Postgres
import Telemetry
import TestSupport
import Testing

@testable import Events
@testable import PostgresLog

/// Where pages begin and end, and how many are read at a time.
@Suite struct PageTests {
    private static let acme = EventFilter.Tenants.only([TenantID(unchecked: "acme")])

    private static func filters() throws -> [EventFilter] {
        let types = [try #require(TypePattern("lead.*"))]
        return [
            .everything, EventFilter(tenants: acme), EventFilter(types: types, tenants: .all),
            EventFilter(types: types, tenants: acme),
        ]
    }

    @Test func `texts and extras count towards a page as the payload does`() async throws {
        try await TestLog.with { test in
            for id in 1...10 as ClosedRange<UInt64> {
                _ = try await test.append(
                    NewEvent.test(id: .number(id)).with(
                        metadata: EventMetadata(
                            correlationID: "c", userAgent: String(repeating: "a", count: 5_000),
                            extra: ["key": String(repeating: "b", count: 4_000)])))
            }
            // Another node reads tenants through their index.
            try await TestLog.node(on: test.database, .byIndex) { other in
                for filter in try Self.filters() {
                    for log in [test.log, other.log] { try await expectPages(log, filter) }
                }
            }
        }
    }

    private func expectPages(_ log: PostgresEventLog, _ filter: EventFilter) async throws {
        let page = try await log.read(
            after: Position(1), filter: filter, limit: 100, maxBytes: 25_000)
        #expect(page.events.map(\.position.rawValue) == [2, 3, 4], "\(filter)")
        #expect(page.scannedThrough == Position(4), "\(filter)")
        let history = try await log.readHistory(
            after: Position(1), filter: filter, limit: 100, maxBytes: 25_000)
        #expect(history.count == 3, "\(filter)")
        #expect(history.scannedThrough == Position(4), "\(filter)")
        for oldestFirst in [true, false] {
            let expected: [UInt64] = oldestFirst ? [7, 8, 9] : [5, 4, 3]
            let listing = try await log.list(
                ListQuery(
                    filter: filter, oldestFirst: oldestFirst, beyond: Position(6), limit: 100,
                    maxBytes: 25_000))
            #expect(listing.events.map(\.position.rawValue) == expected, "\(filter)")
            #expect(listing.next?.rawValue == expected.last, "\(filter)")
        }
    }

    @Test func `a node that stores little reads what others stored through a tenant's index`()
        async throws
    {
        try await TestLog.with { test in
            _ = try await test.append(.test())
            // More than a read looks at that goes through the whole log.
            try await test.script(
                """
                insert into apus.tenants (name) values ('many');
                insert into apus.events (position, occurred_at, recorded_at, id, tenant_id, type_id,
                    partition, kind, occurred_nanos, source, subject, data)
                select g, now(), now(), gen_random_uuid(),
                    (select id from apus.tenants where name = 'many'), 1, 1, 1, 0, 's', '', ''
                from generate_series(2, 30000) g;
                insert into apus.appends values (30000, 2, now(), gen_random_uuid());
                """)
            try await test.log.open()
            let page = try await test.log.read(
                after: .zero, filter: EventFilter(tenants: Self.acme), limit: 100,
                maxBytes: 1 << 20)
            #expect(page.events.map(\.position.rawValue) == [1])
            #expect(page.scannedThrough == Position(30_000))
        }
    }

    @Test func `a listing from the oldest begins with what retention has left`() async throws {
        let small = "update apus.log_head set partition_size = 4"
        try await TestLog.with(after: small) { test in
            for _ in 1...14 { _ = try await test.append(.test()) }
            try await test.script(
                """
                alter table apus.events detach partition apus.events_from_1;
                alter table apus.events detach partition apus.events_from_5;
                delete from apus.event_partitions where first_position <= 5;
                """)
            expectEqual(try await test.log.bounds().earliest, Position(9))
            for filter in [EventFilter.everything, EventFilter(tenants: Self.acme)] {
                for beyond in [nil, Position(3)] {
                    let listing = try await test.log.list(
                        ListQuery(filter: filter, oldestFirst: true, beyond: beyond, limit: 2))
                    #expect(listing.events.map(\.position.rawValue) == [9, 10])
                    #expect(listing.next == Position(10))
                }
            }
        }
    }

    @Test func `a moment is not looked for among events that are not to be seen`() async throws {
        try await TestLog.with { test in
            for _ in 0..<40 { _ = try await test.append(.test()) }
            let moment = try await test.history()[29].recordedAt
            // As if plans lacked the newest partition.
            try await test.script("delete from apus.events where position > 20")
            let error = await #expect(throws: EventsError.self) {
                try await test.log.position(since: moment)
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func `of a crowd's reads so many are with Postgres at a time`() async throws {
        try await TestLog.with { test in
            for _ in 0..<3 { _ = try await test.append(.test()) }
            let holder = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            for sql in ["begin", "lock table apus.events in access exclusive mode"] {
                _ = try await holder.execute(Statement(name: sql, sql: sql))
            }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await test.log.readHistory(
                            after: .zero, filter: EventFilter(tenants: Self.acme),
                            limit: 100, maxBytes: 1 << 20
                        ).count
                    }
                }
                while test.log.subscribersReads.waitingCount < 40 - 2 * test.pool.size {
                    await Task.yield()
                }
                _ = try await holder.execute(Statement(name: "rollback", sql: "rollback"))
                for try await count in group { #expect(count == 3) }
            }
            #expect(test.log.subscribersReads.waitingCount == 0)
            await holder.close()
        }
    }
}
