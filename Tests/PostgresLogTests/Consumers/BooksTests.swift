import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct BooksTests {
    private func work(
        _ handler: String, fence: Int64 = 1, from: UInt64, through: UInt64,
        runs: [(RecordedEvent, DeliveryOutcome)] = []
    ) -> HandlerWork {
        HandlerWork(
            handler: handler, fence: fence, node: "node-1", from: Position(from),
            through: Position(through),
            runs: runs.map { event, outcome in
                HandlerRun(
                    event: event, attempt: 1, outcome: outcome,
                    startedAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 0),
                    duration: .milliseconds(3),
                    failure: outcome.isFailure
                        ? FailureReport(.handlerFailed, reference: "1234") : nil)
            })
    }

    private func description(_ name: String, _ types: String...) -> HandlerDescription {
        HandlerDescription(
            name: name, types: types.compactMap(TypePattern.init), hasExternalSideEffects: false)
    }

    @Test func `a handler counts for events after its registration`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([description("first", "lead.*")])
            _ = try await test.append(.test(), .test(type: "order.paid"))
            try await node.books.register([
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
            try await node.books.register([description("one", "lead.created")])
            _ = try await test.append(.test(type: "order.paid"))
            _ = try await node.books.claim("one", fence: 1)
            try await node.books.commit(work("one", from: 0, through: 1))
            try await node.books.register([description("one", "order.*")])
            _ = try await test.append(.test(type: "order.paid"), .test(type: "lead.created"))
            try await expectEqual(node.statuses(), [.processed, .pending, .processed])
        }
    }

    @Test func `status follows every handler that wants the event`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([
                description("one", "lead.*"), description("two", "**"),
            ])
            _ = try await test.append(.test(), .test(type: "order.paid"))
            let events = try await test.history()
            _ = try await node.books.claim("one", fence: 1)
            _ = try await node.books.claim("two", fence: 1)
            try await expectEqual(node.statuses(), [.pending, .pending])
            try await node.books.commit(
                work("one", from: 0, through: 2, runs: [(events[0], .succeeded)]))
            try await expectEqual(node.statuses(), [.processing, .pending])
            try await node.books.commit(
                work("two", from: 0, through: 1, runs: [(events[0], .declined)]))
            let standings = try await node.standings()
            #expect(standings.map(\.status) == [.processed, .pending])
            let done = Timestamp(seconds: 1_700_000_000, nanoseconds: 3_000_000)
            #expect(standings[0].processedAt == done)
        }
    }

    @Test func `a failure opens a dead letter with a copy of the event`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([description("one", "lead.*")])
            _ = try await test.append(.test(), .test("poison"), .test())
            let events = try await test.history()
            _ = try await node.books.claim("one", fence: 1)
            try await node.books.commit(
                work(
                    "one", from: 0, through: 3,
                    runs: [
                        (events[0], .succeeded), (events[1], .failed), (events[2], .succeeded),
                    ]))
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

    @Test func `the same work twice counts once`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([description("one", "lead.*")])
            _ = try await test.append(.test())
            let event = try #require(try await test.history().first)
            _ = try await node.books.claim("one", fence: 4)
            let once = work("one", fence: 4, from: 0, through: 1, runs: [(event, .succeeded)])
            try await node.books.commit(once)
            try await node.books.commit(once)
            try await expectEqual(node.outcomes(at: 1), [.succeeded])
        }
    }

    @Test func `results of a fenced node are refused`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([description("one", "lead.*")])
            _ = try await test.append(.test())
            let event = try #require(try await test.history().first)
            _ = try await node.books.claim("one", fence: 4)
            _ = try await node.books.claim("one", fence: 5)
            await #expect(throws: BooksError.fenced) {
                try await node.books.commit(
                    work("one", fence: 4, from: 0, through: 1, runs: [(event, .failed)]))
            }
            await #expect(throws: BooksError.fenced) {
                try await node.books.claim("one", fence: 4)
            }
            try await expectEqual(node.statuses(), [.pending])
            try await expectEqual(node.outcomes(at: 1), [])
        }
    }

    @Test func `the ledger shows the newest and says that there are more`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.books.register([description("one", "lead.*")])
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
}
