import Events
import Telemetry
import Testing

@testable import PostgresLog

@Suite struct ReplayTests {
    private let caller = Caller(tenant: TenantID(unchecked: "acme"))

    private func finished(_ replay: Replay, on node: TestNode) async throws -> Replay? {
        let id = try #require(replay.id)
        _ = try await node.eventually {
            try await node.replays.find(id, caller: caller).state.isOver
        }
        return try await node.replays.find(id, caller: caller)
    }

    private func settled(_ node: TestNode) async throws {
        let isSettled = try await node.eventually {
            try await node.statuses().allSatisfy { $0 == .processed || $0 == .failed }
        }
        #expect(isSettled)
    }

    @Test func `a replay by ids runs the handler again and says so`() async throws {
        try await TestLog.with { test in
            let replays = Lock<[EventID?]>([])
            let handler = TestHandler(body: { _, context in
                replays.withLock { $0.append(context.replay) }
                return .done
            })
            let node = TestNode(test, registry: try .with([handler]))
            try await node.running {
                _ = try await test.append(.test(), .test())
                try await settled(node)
                let event = try #require(try await test.history().first)
                let replay = try await node.replays.start(
                    ReplayRequest(selection: .ids([event.id, event.id]), reason: "again"),
                    caller: caller)
                #expect(replay.matched == 1)
                let ended = try await finished(replay, on: node)
                #expect(ended?.state == .completed)
                #expect(ended?.targets == [.init(handler: "sample", events: 1, done: 1)])
                #expect(ended?.reason == "again")
                #expect(ended?.startedAt != nil && ended?.finishedAt != nil)
                let records = try await node.books.deliveries(at: Position(1), limit: 9).records
                #expect(records.map(\.replay) == [replay.id, nil])
                #expect(replays.withLock { $0 } == [nil, nil, replay.id])
            }
        }
    }

    @Test func `a dry run tells the plan and does nothing`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([
                TestHandler(), TestHandler(name: "mailer", hasExternalSideEffects: true),
                TestHandler(name: "orders", types: [TypePattern("order.*")].compactMap(\.self)),
            ])
            let node = TestNode(test, registry: registry)
            try await node.host.register()
            _ = try await test.append(.test(), .test(type: "order.paid"), .test())
            var request = ReplayRequest(
                selection: .range(
                    ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))),
                isDryRun: true)
            let plan = try await node.replays.start(request, caller: caller)
            #expect(plan.id == nil)
            #expect(plan.state == .planned)
            #expect(plan.matched == 3)
            #expect(
                plan.targets == [
                    .init(
                        handler: "mailer", events: 2, skippedReason: "has external side effects"),
                    .init(handler: "orders", events: 1),
                    .init(handler: "sample", events: 2),
                ])
            request.allowSideEffects = true
            let allowed = try await node.replays.start(request, caller: caller)
            #expect(allowed.targets.map(\.skippedReason) == ["", "", ""])
            request.allowSideEffects = false
            request.handlers = ["mailer"]
            let named = try await node.replays.start(request, caller: caller)
            #expect(named.targets == [.init(handler: "mailer", events: 2)])
            try await expectEqual(node.replays.list(caller: caller, before: nil, limit: 9), [])
        }
    }

    @Test func `a handler that wants none of the events is left out`() async throws {
        try await TestLog.with { test in
            let orders = TestHandler(
                name: "orders", types: [TypePattern("order.*")].compactMap(\.self))
            let node = TestNode(test, registry: try .with([TestHandler(), orders]))
            try await node.host.register()
            _ = try await test.append(.test())
            var request = ReplayRequest(
                selection: .range(
                    ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))),
                handlers: ["orders", "sample"])
            let both = try await node.replays.start(request, caller: caller)
            let without = "wants none of the events"
            #expect(
                both.targets == [
                    .init(handler: "orders", events: 0, skippedReason: without),
                    .init(handler: "sample", events: 1),
                ])
            let id = try #require(both.id)
            let job = try await node.store.claim(id, fence: 1)
            #expect(job.targets.map(\.handler) == ["sample"])
            request.handlers = ["orders"]
            let alone = try await node.replays.start(request, caller: caller)
            #expect(alone.state == .completed)
        }
    }

    @Test func `a replay of what failed closes its dead letters`() async throws {
        try await TestLog.with { test in
            let isBroken = Lock(true)
            let handler = TestHandler(body: { event, _ in
                if event.subject == "poison", isBroken.withLock({ $0 }) { throw TestFailure() }
                return .done
            })
            let node = TestNode(test, registry: try .with([handler]))
            try await node.running {
                _ = try await test.append(.test(), .test("poison"), .test(), .test("poison"))
                try await settled(node)
                try await expectEqual(
                    node.statuses(), [.processed, .failed, .processed, .failed])
                let request = ReplayRequest(
                    selection: .range(
                        ReplayRange(
                            filter: EventFilter(tenants: .only([caller.tenant])),
                            statuses: [.failed])))
                let failing = try await finished(
                    node.replays.start(request, caller: caller), on: node)
                #expect(failing?.targets == [.init(handler: "sample", events: 2, failed: 2)])
                try await expectEqual(
                    node.statuses(), [.processed, .failed, .processed, .failed])
                isBroken.withLock { $0 = false }
                let healing = try await finished(
                    node.replays.start(request, caller: caller), on: node)
                #expect(healing?.targets == [.init(handler: "sample", events: 2, done: 2)])
                try await expectEqual(
                    node.statuses(), [.processed, .processed, .processed, .processed])
                try await expectEqual(node.outcomes(at: 2), [.succeeded, .failed, .deadLettered])
            }
        }
    }

    @Test func `a range takes the oldest that match within its bounds`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            for _ in 0..<3 {
                _ = try await test.append(.test(), .test(tenant: "other"), .test(type: "order.x"))
            }
            func matched(_ change: (inout ReplayRange) -> Void) async throws -> Int {
                var range = ReplayRange(
                    filter: EventFilter(
                        types: [TypePattern("lead.*")].compactMap(\.self),
                        tenants: .only([caller.tenant])))
                change(&range)
                let request = ReplayRequest(selection: .range(range), isDryRun: true)
                return try await node.replays.start(request, caller: caller).matched
            }
            try await expectEqual(matched { _ in }, 3)
            try await expectEqual(matched { $0.from = Position(2) }, 2)
            try await expectEqual(matched { $0.to = Position(4) }, 2)
            try await expectEqual(matched { $0.limit = 1 }, 1)
            let third = try await test.history()[6].recordedAt
            try await expectEqual(matched { $0.until = third }, 2)
            try await expectEqual(matched { $0.since = third }, 1)
            try await expectEqual(matched { $0.statuses = [.pending] }, 3)
            try await expectEqual(matched { $0.statuses = [.failed] }, 0)
        }
    }

    @Test func `the same request id gets the same replay`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            _ = try await test.append(.test())
            let event = try #require(try await test.history().first)
            let request = ReplayRequest(selection: .ids([event.id]), requestID: "r-1")
            let first = try await node.replays.start(request, caller: caller)
            let second = try await node.replays.start(request, caller: caller)
            #expect(first.id == second.id)
            try await expectEqual(
                node.replays.list(caller: caller, before: nil, limit: 9).count, 1)
        }
    }

    @Test func `another tenant's replay is not found`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            _ = try await test.append(.test())
            let event = try #require(try await test.history().first)
            let request = ReplayRequest(selection: .ids([event.id]))
            let id = try #require(try await node.replays.start(request, caller: caller).id)
            let stranger = Caller(tenant: TenantID(unchecked: "other"))
            for call in [node.replays.find, node.replays.cancel] {
                let error = await #expect(throws: EventsError.self) {
                    _ = try await call(id, stranger)
                }
                #expect(error?.code == .notFound)
            }
            let theirs = await #expect(throws: EventsError.self) {
                try await node.replays.start(request, caller: stranger)
            }
            #expect(theirs?.code == .notFound)
        }
    }

    @Test func `a cancelled replay ends, and stays ended`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.running {
                for _ in 0..<30 { _ = try await test.append(.test()) }
                try await settled(node)
                let request = ReplayRequest(
                    selection: .range(
                        ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))),
                    maxEventsPerSecond: 1)
                let replay = try await node.replays.start(request, caller: caller)
                let id = try #require(replay.id)
                let isRunning = try await node.eventually {
                    try await node.replays.find(id, caller: caller).targets[0].done > 0
                }
                #expect(isRunning)
                let cancelled = try await node.replays.cancel(id, caller: caller)
                #expect(cancelled.state == .cancelled)
                #expect(cancelled.finishedAt != nil)
                try await expectEqual(node.replays.cancel(id, caller: caller).state, .cancelled)
                try await expectEqual(
                    node.store.waiting(
                        for: ["sample"], node: node.name, limitPerTenant: 9, limit: 9), [])
            }
        }
    }

    @Test func `a replay goes on where another node left it`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let handler = TestHandler(body: { event, context in
                if context.replay != nil { seen.withLock { $0.append(event.position.rawValue) } }
                return .done
            })
            let node = TestNode(test, registry: try .with([handler]))
            let id = EventID.number(77)
            try await node.running {
                for _ in 0..<5 { _ = try await test.append(.test()) }
                try await settled(node)
            }
            let positions = (1...UInt64(5)).map(Position.init(_:))
            _ = try await node.store.create(
                NewReplay(
                    id: id, tenant: caller.tenant, requestID: "", reason: "",
                    maxEventsPerSecond: 0, positions: positions,
                    targets: [.init(handler: "sample", events: 5)]))
            _ = try await node.store.claim(id, fence: 1)
            _ = try await node.store.commit(
                ReplayWork(
                    replay: id, fence: 1, handler: "sample", node: "gone", from: .zero,
                    through: Position(3), runs: [], missing: 0))
            try await test.script(
                """
                insert into apus.leases values ('replay/\(id)', 'gone', 1, now());
                update apus.leases set expires_at = now();
                """)
            let next = TestNode(test, name: "node-2", registry: try .with([handler]))
            try await next.running {
                let isOver = try await next.eventually {
                    try await next.replays.find(id, caller: caller).state == .completed
                }
                #expect(isOver)
                #expect(seen.withLock { $0 } == [4, 5])
                await #expect(throws: BooksError.replayOver) {
                    try await next.store.claim(id, fence: 9)
                }
            }
        }
    }

    @Test func `a fenced node's replay results are refused`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            _ = try await test.append(.test())
            let id = EventID.number(78)
            _ = try await node.store.create(
                NewReplay(
                    id: id, tenant: caller.tenant, requestID: "", reason: "",
                    maxEventsPerSecond: 0, positions: [Position(1)],
                    targets: [.init(handler: "sample", events: 1)]))
            _ = try await node.store.claim(id, fence: 1)
            _ = try await node.store.claim(id, fence: 2)
            await #expect(throws: BooksError.fenced) {
                try await node.store.commit(
                    ReplayWork(
                        replay: id, fence: 1, handler: "sample", node: "old", from: .zero,
                        through: Position(1), runs: [], missing: 0))
            }
        }
    }
}
