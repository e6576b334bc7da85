import Postgres
import Telemetry
import TestSupport
import Testing

@testable import Events
@testable import PostgresLog

@Suite struct BooksTests {
    private func description(_ name: String, _ types: String...) -> HandlerDescription {
        HandlerDescription(
            name: name, types: types.compactMap(TypePattern.init), hasExternalSideEffects: false)
    }

    @Test func `a handler counts for events after its registration`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([description("first", "lead.*")])
            _ = try await test.append(.test(), .test(type: "order.paid"))
            _ = try await node.books.register([
                description("first", "lead.*"), description("second", "lead.*"),
            ])
            _ = try await test.append(.test())
            let progress = try await node.books.progress()
            #expect(progress.map(\.name) == ["first", "second"])
            #expect(progress.map(\.position) == [Position(0), Position(2)])
            try await expectEqual(node.statuses(), [.pending, .processed, .pending])
        }
    }

    @Test func `a pattern that is new to a handler counts from its cursor`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([description("one", "lead.created")])
            _ = try await test.append(.test(type: "order.paid"))
            try await node.record("one", through: 1)
            _ = try await node.books.register([description("one", "order.*")])
            _ = try await test.append(.test(type: "order.paid"), .test(type: "lead.created"))
            try await expectEqual(node.statuses(), [.processed, .pending, .processed])
        }
    }

    @Test func `status follows every handler that wants the event`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([
                description("one", "lead.*"), description("two", "**"),
            ])
            _ = try await test.append(.test(), .test(type: "order.paid"))
            let events = try await test.history()
            try await expectEqual(node.statuses(), [.pending, .pending])
            try await node.record("one", through: 2, [(events[0], .succeeded)])
            try await expectEqual(node.statuses(), [.processing, .pending])
            try await node.record("two", through: 1, [(events[0], .declined)])
            let standings = try await node.standings()
            #expect(standings.map(\.status) == [.processed, .pending])
            let done = Timestamp(seconds: 1_700_000_000, nanoseconds: 3_000_000)
            #expect(standings[0].processedAt == done)
        }
    }

    @Test func `a failure opens a dead letter with a copy of the event`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([description("one", "lead.*")])
            _ = try await test.append(.test(), .test("poison"), .test())
            let events = try await test.history()
            try await node.record(
                "one", through: 3,
                [(events[0], .succeeded), (events[1], .failed), (events[2], .succeeded)])
            let standings = try await node.standings()
            #expect(standings.map(\.status) == [.processed, .failed, .processed])
            #expect(standings[1].errorMessage == "HANDLER_FAILED (reference 1234)")
            try await test.script("delete from apus.events")
            let kept = try await test.rows("select subject from apus.kept_events")
            let subjects = try kept.map { try $0.string(0) }
            #expect(subjects == ["poison"])
            try await expectEqual(
                node.books.standings(of: [events[1]]).map(\.status), [.failed])
        }
    }

    @Test func `work in progress and what a lane skipped are not processed`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            let stored = try await node.books.register([description("one", "lead.*")])
            let consumer = try #require(stored.first?.consumer)
            _ = try await test.append(.test("a"), .test("b"), .test("c"), .test("c"), .test("d"))
            try await node.record("one", through: 5)
            try await test.script(
                """
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select \(consumer), e.partition, e.position, 1, e.position - 1, 0, 0, 0
                from apus.events e where e.position in (1, 2);
                insert into apus.consumer_lanes (consumer_id, partition, tenant, key, position)
                select \(consumer), e.partition, t.name, 'c', 3
                from apus.events e join apus.tenants t on t.id = e.tenant_id where e.position = 4;
                """)
            try await expectEqual(
                node.statuses(), [.pending, .processing, .processed, .pending, .processed])
            let events = try await test.history()
            try await expectEqual(
                node.books.unreached("one", events), Set([1, 2, 4].map(Position.init(_:))))
        }
    }

    @Test func `a handler of an older release goes on by partitions, and not by its lease`()
        async throws
    {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await test.append(.test(), .test(), .test(), .test())
            try await test.script(
                """
                insert into apus.consumers (name) values ('handler/one');
                insert into apus.handlers
                    (consumer_id, name, external_side_effects, position, fence)
                select id, 'one', false, 3, 7 from apus.consumers;
                insert into apus.unfinished select p, c.id, 1
                from apus.consumers c, generate_series(2, 3) as p;
                insert into apus.dead_letters
                    (consumer_id, position, tenant_id, dead_lettered_at, reason)
                select id, 2, 1, now(), 'class' from apus.consumers;
                """)
            for _ in 1...2 {
                _ = try await node.books.register([description("one", "lead.*")])
            }
            let partitions = try await test.rows(
                "select count(*), min(position), max(position) from apus.consumer_partitions"
            ).only()
            try #expect(partitions.int64(0) == 64)
            try #expect(partitions.int64(1) == 3 && partitions.int64(2) == 3)
            let work = try await test.rows("select position from apus.work")
            try #expect(work.map { try $0.int64(0) } == [3])
            // As a node of that release claims it.
            let claimed = try await test.rows(
                "update apus.handlers set fence = 8 where name = 'one' and fence <= 8 returning 1")
            #expect(claimed.isEmpty)
        }
    }

    @Test func `the ledger shows the newest and says that there are more`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([description("one", "lead.*")])
            _ = try await test.append(.test())
            try await test.script(
                """
                insert into apus.ledger
                    (position, consumer_id, attempt, outcome, started_at, duration_us, node)
                select 1, c.id, n, 4, now(), 5, 'node'
                from apus.consumers c, generate_series(1, 120) n
                """)
            let history = try await node.books.deliveries(at: Position(1), limit: 100)
            #expect(history.isTruncated)
            #expect(history.records.map(\.attempt) == Array((21...120).reversed()))
            #expect(history.records[0].consumer == "handler/one")
            #expect(history.records[0].duration == .microseconds(5))
            let all = try await node.books.deliveries(at: Position(1), limit: 120)
            #expect(!all.isTruncated)
        }
    }

    @Test func `a handler that is known is registered again while it is rebuilt`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            let handlers = [description("one", "lead.*"), description("two", "order.*")]
            let stored = try await node.books.register(handlers)
            let other = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            try await other.transaction { rebuild in
                _ = try await rebuild.execute(ConsumerSQL.rebuildLock, [.text("one")])
                let again = try await node.books.register(handlers)
                #expect(Set(again) == Set(stored))
            }
            await other.close()
        }
    }

    @Test func `what changes about a handler is written down`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            _ = try await node.books.register([description("one", "lead.*")])
            _ = try await node.books.register([
                HandlerDescription(
                    name: "one", types: [TypePattern("lead.*")].compactMap(\.self),
                    hasExternalSideEffects: true)
            ])
            try await expectEqual(
                node.books.progress().map(\.hasExternalSideEffects), [true])
        }
    }

    @Test func `a name is one handler's, and of another kind nobody's`() async throws {
        try await TestLog.with { test in
            let handlers = try HandlerRegistry.with([TestHandler(name: "orders")])
            try await TestNode(test, registry: handlers).host.register()
            let others = try HandlerRegistry.with([
                TestHandler(name: "new"), CalledHandler(name: "orders"),
            ])
            let error = await #expect(throws: EventsError.self) {
                try await TestNode(test, registry: others).host.register()
            }
            #expect(error?.code == .invalidArgument)
            #expect(
                error?.message == "handlers.orders: is another kind of handler already")
            // Nothing of the others was written down.
            let node = TestNode(test, registry: handlers)
            try await node.host.register()
            try await expectEqual(node.books.progress().map(\.name), ["orders"])
            try await expectEqual(node.books.find("new"), nil)
        }
    }
}

/// A handler of another kind.
private struct CalledHandler: EventHandler {
    let name: String
    let types = [TypePattern("lead.*")].compactMap(\.self)
    var consumer: String { "webhook/\(name)" }

    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict {
        .done
    }
}
