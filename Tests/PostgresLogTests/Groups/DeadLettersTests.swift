import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct DeadLettersTests {
    /// A log of seven events, of which two groups and a handler gave up on some.
    private static let givenUpOn = """
        insert into apus.consumers (name) values
            ('group/acme/billing'), ('group/acme/shipping'), ('handler/mail'),
            ('group/other/billing');
        insert into apus.groups (consumer_id, tenant, name, types, subject_prefix, sources, kinds,
            start_kind, ordering, max_attempts, ack_deadline_us)
        select id, split_part(name, '/', 2), split_part(name, '/', 3), '{}', '', '{}', '{}', 1, 1,
            10, 30000000
        from apus.consumers where name like 'group/%';
        insert into apus.handlers (consumer_id, name, external_side_effects, position)
        select id, 'mail', false, 7 from apus.consumers where name = 'handler/mail';
        insert into apus.kept_events select * from apus.events;
        insert into apus.dead_letters
            (consumer_id, position, tenant_id, dead_lettered_at, reason, resolved_at, resolution)
        select c.id, d.position, e.tenant_id, now(), 'because', d.resolved_at,
            case when d.resolved_at is not null then 1 end
        from (values (1, 'group/acme/billing', 1, null), (2, 'handler/mail', 2, null),
            (3, 'group/acme/shipping', 3, null), (4, 'group/acme/billing', 4, now()),
            (5, 'group/other/billing', 5, null), (6, 'group/acme/billing', 6, null),
            (7, 'handler/mail', 7, null)) as d (number, consumer, position, resolved_at)
        join apus.consumers c on c.name = d.consumer
        join apus.events e on e.position = d.position
        order by d.number;
        insert into apus.unfinished select position, consumer_id, tenant_id from apus.dead_letters
        where position in (2, 7);
        """

    private func with(
        _ body: @escaping @Sendable (TestLog, PostgresDeadLetters) async throws -> Void
    ) async throws {
        try await TestLog.with { test in
            _ = try await test.append(
                .test("a", data: [UInt8](repeating: 7, count: 1_000)), .test("b"),
                .test("c", type: "order.paid"), .test("d"), .test("e", tenant: "other"),
                .test("f", type: "order.paid", source: "shop"), .test("g", tenant: "other"))
            try await test.script(Self.givenUpOn)
            try await body(test, PostgresDeadLetters(log: test.log, node: "node-1"))
        }
    }

    private func acme(
        _ consumer: String? = nil, ids: [EventID] = [], filter: EventFilter? = nil
    ) -> DeadLetterSelection {
        DeadLetterSelection(
            tenant: TenantID(unchecked: "acme"), consumer: consumer, ids: ids, filter: filter)
    }

    private func positions(
        _ letters: PostgresDeadLetters, _ selection: DeadLetterSelection
    ) async throws -> [UInt64] {
        try await letters.list(selection, after: 0, limit: 100, maxBytes: 1 << 20)
            .letters.map(\.event.position.rawValue)
    }

    @Test func `a tenant sees its groups' dead letters and its events' ones, all open`()
        async throws
    {
        try await with { _, letters in
            let page = try await letters.list(acme(), after: 0, limit: 100, maxBytes: 1 << 20)
            #expect(page.letters.map(\.event.position.rawValue) == [1, 2, 3, 6])
            #expect(
                page.letters.map(\.consumer) == [
                    "group/billing", "handler/mail", "group/shipping", "group/billing",
                ])
            #expect(!page.hasMore && page.letters.allSatisfy { $0.reason == "because" })
        }
    }

    @Test func `a listing is of the log's own epoch`() async throws {
        try await with { test, letters in
            _ = try await letters.list(acme(), after: 0, limit: 100, maxBytes: 1 << 20)
            // A tenant that is new asks for what the log knows of itself.
            try await expectEqual(test.append(.test(tenant: "new")), [.stored(8)])
        }
    }

    @Test func `consumer, ids and filter select together`() async throws {
        try await with { test, letters in
            let events = try await test.history()
            let orders = try EventFilter(
                types: ["order.*"], tenants: [], subjectPrefix: "", sources: [], kinds: [],
                caller: Caller(tenant: TenantID(unchecked: "acme"), seesAllTenants: false))
            let ids = [events[0].id, events[5].id]
            try await expectEqual(positions(letters, acme("group/billing")), [1, 6])
            try await expectEqual(positions(letters, acme("handler/mail")), [2])
            try await expectEqual(positions(letters, acme("group/nobody")), [])
            try await expectEqual(positions(letters, acme(ids: ids)), [1, 6])
            try await expectEqual(positions(letters, acme(filter: orders)), [3, 6])
            try await expectEqual(
                positions(letters, acme("group/billing", ids: ids, filter: orders)), [6])
        }
    }

    @Test func `a page ends at its count or its bytes and says that there is more`() async throws {
        try await with { _, letters in
            let two = try await letters.list(acme(), after: 0, limit: 2, maxBytes: 1 << 20)
            #expect(two.letters.count == 2 && two.hasMore)
            let last = try #require(two.letters.last)
            let rest = try await letters.list(
                acme(), after: last.number, limit: 2, maxBytes: 1 << 20)
            #expect(rest.letters.map(\.event.position.rawValue) == [3, 6] && !rest.hasMore)
            let small = try await letters.list(acme(), after: 0, limit: 100, maxBytes: 1_000)
            #expect(small.letters.map(\.event.position.rawValue) == [1] && small.hasMore)
        }
    }

    @Test func `deliveries are shown newest first, each with its own dead letter`() async throws {
        try await with { test, letters in
            try await test.script(
                """
                insert into apus.ledger
                    (position, consumer_id, attempt, outcome, started_at, duration_us, node)
                select p, c.id, a, 4, now(), 5, 'n'
                from apus.consumers c, (values (1, 1), (1, 2), (6, 1), (2, 1)) as d (p, a)
                where c.name = 'group/acme/billing'
                order by a
                """)
            let page = try await letters.list(acme(), after: 0, limit: 100, maxBytes: 1 << 20)
            #expect(page.letters.map { $0.attempts.map(\.attempt) } == [[2, 1], [], [], [1]])
            #expect(page.letters[0].attempts[0].consumer == "group/billing")
        }
    }

    @Test func `a page ends where its deliveries reach its bytes`() async throws {
        try await with { test, letters in
            try await test.script(
                """
                insert into apus.ledger (position, consumer_id, attempt, outcome, started_at,
                    duration_us, error_message, node)
                select p, c.id, a, 4, now(), 5, repeat('x', 1000), 'n'
                from apus.consumers c, unnest(array[1, 6]) as p, generate_series(1, 20) as a
                where c.name = 'group/acme/billing'
                """)
            let page = try await letters.list(acme(), after: 0, limit: 100, maxBytes: 10_000)
            #expect(page.letters.map(\.attempts.count) == [20])
            #expect(page.hasMore)
            let last = try #require(page.letters.last)
            let rest = try await letters.list(
                acme(), after: last.number, limit: 100, maxBytes: 10_000)
            #expect(rest.letters.map(\.attempts.count) == [0, 0, 20])
            #expect(!rest.hasMore)
        }
    }

    @Test func `a retry leaves a remark for whoever holds the partition, at its pace`()
        async throws
    {
        try await with { test, letters in
            let count = try await letters.retry(acme(), perSecond: 4)
            #expect(count == 4)
            let rows = try await test.rows(
                """
                select w.position, w.state, w.verdict, (extract(
                    epoch from w.revive_at - min(w.revive_at) over ()) * 1000000)::bigint
                from apus.work w join apus.events e
                    on e.position = w.position and e.partition = w.partition
                order by w.position
                """)
            #expect(try rows.map { try $0.int64(0) } == [1, 2, 3, 6])
            #expect(try rows.allSatisfy { try $0.int16(1) == 3 && $0.int16(2) == 11 })
            #expect(try rows.map { try $0.int64(3) } == [0, 250_000, 500_000, 750_000])
            let again = try await letters.retry(acme(), perSecond: nil)
            #expect(again == 0)
            try await expectEqual(positions(letters, acme()), [1, 2, 3, 6])
        }
    }

    @Test func `a dead letter that is being tried again is left to it`() async throws {
        try await with { test, letters in
            try await test.script(
                """
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence, revived)
                select d.consumer_id, e.partition, d.position, 2, 1, 0, 1, 1, true
                from apus.dead_letters d join apus.events e using (position) where position = 1
                """)
            let count = try await letters.retry(acme("group/billing"), perSecond: nil)
            #expect(count == 1)
            let rows = try await test.rows(
                "select position from apus.work where verdict is not null")
            #expect(try rows.map { try $0.int64(0) } == [6])
        }
    }

    @Test func `what is discarded is closed, in the ledger, and done with for its handler`()
        async throws
    {
        try await with { test, letters in
            let node = TestNode(test)
            let count = try await letters.discard(acme(), reason: "old news")
            #expect(count == 4)
            try await expectEqual(positions(letters, acme()), [])
            try await expectEqual(node.outcomes(at: 6), [.discarded])
            let history = try await node.books.deliveries(at: Position(2), limit: 10)
            #expect(history.records.map(\.errorMessage) == ["old news"])
            #expect(history.records.map(\.node) == ["node-1"])
            let open = try await test.rows("select position from apus.unfinished")
            #expect(try open.map { try $0.int64(0) } == [7])
            let other = DeadLetterSelection(tenant: TenantID(unchecked: "other"))
            try await expectEqual(positions(letters, other), [5, 7])
        }
    }

    private static let limit = """
        create function apus.limit_page() returns trigger language plpgsql as $$
        begin
            if (select count(*) from changed) > 2 then
                raise exception 'too many at once';
            end if;
            return null;
        end
        $$;
        create trigger limit_page after insert on apus.work referencing new table as changed
            for each statement execute function apus.limit_page();
        create trigger limit_page after update on apus.dead_letters
            referencing new table as changed
            for each statement execute function apus.limit_page();
        """

    @Test(arguments: [nil, "group/billing"])
    func `many are retried and discarded a page at a time`(consumer: String?) async throws {
        try await with { test, _ in
            try await test.script(Self.limit)
            let letters = PostgresDeadLetters(log: test.log, node: "node-1", pageSize: 2)
            let expected = consumer == nil ? [1, 2, 3, 6] : [1, 6] as [UInt64]
            try await expectEqual(
                letters.retry(acme(consumer), perSecond: 1), expected.count)
            let rows = try await test.rows(
                """
                select position, extract(epoch from revive_at - min(revive_at) over ())::integer
                from apus.work order by position
                """)
            #expect(try rows.map { UInt64(try $0.int64(0)) } == expected)
            #expect(try rows.map { Int(try $0.int32(1)) } == Array(0..<expected.count))
            try await expectEqual(
                letters.discard(acme(consumer), reason: "enough"), expected.count)
            try await expectEqual(letters.discard(acme(consumer), reason: "enough"), 0)
        }
    }

    @Test func `what a page changed stays when a later one fails`() async throws {
        try await with { test, _ in
            try await test.script(
                """
                create function apus.fail_late() returns trigger language plpgsql as $$
                begin
                    if new.position = 6 then raise exception 'no further'; end if;
                    return new;
                end
                $$;
                create trigger fail_late before insert on apus.work
                    for each row execute function apus.fail_late();
                """)
            let letters = PostgresDeadLetters(log: test.log, node: "node-1", pageSize: 2)
            await #expect(throws: EventsError.self) {
                try await letters.retry(acme(), perSecond: nil)
            }
            let rows = try await test.rows("select position from apus.work order by position")
            #expect(try rows.map { try $0.int64(0) } == [1, 2])
        }
    }

    @Test func `they are heard of as they become due, as many as there is room for`() async throws {
        try await with { test, letters in
            let books = PostgresConsumers(log: test.log)
            try await expectEqual(letters.retry(acme("group/billing"), perSecond: nil), 2)
            // One of another call is due in an hour, and comes before in the log.
            try await test.script(
                """
                update apus.work set revive_at = now() + interval '1 hour' where position = 1;
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence, verdict)
                select w.consumer_id, w.partition, 100 + n, 3, 1, 0, n, 1, 11
                from apus.work w, generate_series(0, 1) n where w.position = 6;
                insert into apus.dead_letters
                    (consumer_id, position, tenant_id, dead_lettered_at, reason)
                select w.consumer_id, 100 + n, 1, now(), ''
                from apus.work w, generate_series(0, 1) n where w.position = 6
                """)
            let consumer = try await test.rows("select consumer_id from apus.work")[0].int32(0)
            func heard(_ time: Duration, _ count: Int, isForAll: Bool = true) async throws
                -> [UInt64]
            {
                try await books.revivals(
                    consumer, partitions: Array(0..<Partition.count), within: time,
                    room: RevivalRoom(count: count, isForAll: isForAll)
                ).map(\.work.position.rawValue)
            }
            // Nodes of earlier releases do not say when: at once.
            try await expectEqual(heard(.zero, 10), [100, 101, 6])
            try await expectEqual(heard(.zero, 2), [100, 101])
            try await expectEqual(heard(.zero, 10, isForAll: false), [101])
            try await expectEqual(heard(.seconds(3_700), 10), [100, 101, 6, 1])
            try await expectEqual(
                books.remarks(consumer, partitions: Array(0..<Partition.count)).count, 0)
        }
    }

    @Test func `one that was closed while it was chosen is not tried again`() async throws {
        try await with { test, letters in
            let books = PostgresConsumers(log: test.log)
            _ = try await letters.retry(acme("group/billing"), perSecond: nil)
            try await test.script(
                """
                update apus.dead_letters set resolved_at = now(), resolution = 1 where position = 1
                """)
            let consumer = try await test.rows("select consumer_id from apus.work")[0].int32(0)
            let heard = try await books.revivals(
                consumer, partitions: Array(0..<Partition.count), within: .zero,
                room: RevivalRoom(count: 10, isForAll: true))
            #expect(heard.map(\.verdict.action) == [.discard, .revive])
        }
    }

    @Test func `when they are due does not hang on when they are heard of`() async throws {
        try await with { test, letters in
            let books = PostgresConsumers(log: test.log)
            _ = try await letters.retry(acme("group/billing"), perSecond: 1)
            try await test.script(
                "update apus.work set revive_at = revive_at - interval '1 hour'")
            let consumer = try await test.rows("select consumer_id from apus.work")[0].int32(0)
            let heard = try await books.revivals(
                consumer, partitions: Array(0..<Partition.count), within: .zero,
                room: RevivalRoom(count: 10, isForAll: true))
            #expect(heard.map(\.work.position.rawValue) == [1, 6])
            #expect(heard.allSatisfy { $0.verdict.delay == .zero && $0.work.revival > 0 })
        }
    }

    @Test func `who takes partitions over is not told of those that nobody has heard of`()
        async throws
    {
        try await with { test, letters in
            let node = GroupNode(test)
            try await node.create()
            try await test.script(
                """
                update apus.dead_letters set consumer_id = (
                    select consumer_id from apus.groups where name = 'mail');
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence, revived)
                select d.consumer_id, e.partition, d.position, 3, 1, 0, 2, 1, true
                from apus.dead_letters d join apus.events e using (position) where position = 1
                """)
            try await expectEqual(letters.retry(acme("group/mail"), perSecond: nil), 6)
            let group = try #require(
                try await node.store.find(GroupNode.mail, tenant: GroupNode.acme))
            try await node.books.beat("one", for: .seconds(600), members: [])
            let taken = try await node.books.take(
                Array(0..<64), of: group.consumer, version: group.version, node: "one")
            // It holds its key.
            #expect(taken.flatMap(\.work).map(\.position.rawValue) == [1])
        }
    }

    @Test func `a group's dead letter is nothing to an event's status`() async throws {
        try await with { test, _ in
            let node = TestNode(test)
            try await expectEqual(
                node.statuses(),
                [.processed, .failed, .processed, .processed, .processed, .processed, .failed])
        }
    }
}
