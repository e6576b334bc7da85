import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct HandlerHostTests {
    private func counts(_ test: TestLog) async throws -> [String] {
        try await test.rows(
            """
            select source || ' ' || leads from apus.lead_funnel where stage = 'created'
            order by source
            """
        ).map { try $0.string(0) }
    }

    @Test func `a published event is handled and shows in the ledger`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.running {
                _ = try await test.append(.test(), .test(type: "order.paid"))
                let isDone = try await node.eventually {
                    try await node.outcomes(at: 1) == [.succeeded]
                }
                #expect(isDone)
                try await expectEqual(node.statuses(), [.processed, .processed])
                let record = try #require(
                    try await node.books.deliveries(at: Position(1), limit: 1).records.first)
                #expect(record.consumer == "handler/sample")
                #expect(record.attempt == 1)
                #expect(record.node == "node-1")
                #expect(record.replay == nil)
            }
        }
    }

    @Test func `a handler that throws stops nobody else`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([
                TestHandler(name: "good"),
                TestHandler(
                    name: "bad",
                    body: { event, _ in
                        if event.subject == "poison" { throw TestFailure() }
                        return .declined
                    }),
            ])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test(), .test("poison"), .test())
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .failed, .processed]
                }
                #expect(isDone)
                try await expectEqual(Set(node.outcomes(at: 2)), [.succeeded, .failed])
                try await expectEqual(Set(node.outcomes(at: 3)), [.succeeded, .declined])
                // Counted once the commit was answered, which others may see before.
                let isCounted = try await node.eventually { node.host.counts.failed == 1 }
                #expect(isCounted)
                let logged = node.sink.records.filter { "\($0.message)" == "A handler failed" }
                let reference = try #require(logged.first?.fields[.errorReference])
                let message = try await node.standings()[1].errorMessage
                if case .string(let text) = reference { #expect(message.contains(text)) }
            }
        }
    }

    @Test func `a projection counts each event once`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([], projections: [TestProjection()])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(
                    .test("a"), .test("b"), .test("a", source: "ads"), .test("c", source: "ads"))
                let isDone = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isDone)
                try await expectEqual(counts(test), ["ads 1", "crm 2"])
                let events = try await test.history()
                let replay = try await node.replays.start(
                    ReplayRequest(selection: .ids(events.map(\.id))),
                    caller: Caller(tenant: events[0].tenant))
                let id = try #require(replay.id)
                let isOver = try await node.eventually {
                    try await node.store.find(id, tenant: events[0].tenant)?.state == .completed
                }
                #expect(isOver)
                try await expectEqual(counts(test), ["ads 1", "crm 2"])
                try await expectEqual(node.outcomes(at: 1), [.succeeded, .succeeded])
            }
        }
    }

    @Test func `a change that the table refuses fails its event alone`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([], projections: [TestProjection()])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test("a"), .test("poison"), .test("b"))
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .failed, .processed]
                }
                #expect(isDone)
                try await expectEqual(counts(test), ["crm 2"])
                let message = try await node.standings()[1].errorMessage
                #expect(message.hasPrefix("CHANGE_REFUSED"))
            }
        }
    }

    @Test func `what one node drains another takes over, each event once`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let registry = try HandlerRegistry.with([
                TestHandler(body: { event, _ in
                    seen.withLock { $0.append(event.position.rawValue) }
                    return .done
                })
            ])
            let first = TestNode(test, name: "node-1", registry: registry)
            let second = TestNode(test, name: "node-2", registry: registry)
            try await first.running {
                try await second.running {
                    _ = try await test.append(.test(), .test())
                    let isDone = try await first.eventually {
                        try await first.statuses() == [.processed, .processed]
                    }
                    #expect(isDone)
                    let node = try await first.books.deliveries(at: Position(1), limit: 1)
                        .records.first?.node
                    (node == "node-1" ? first : second).subscriptions.drain()
                    _ = try await test.append(.test())
                    let isTaken = try await first.eventually {
                        try await first.outcomes(at: 3) == [.succeeded]
                    }
                    #expect(isTaken)
                    let other = try await first.books.deliveries(at: Position(3), limit: 1)
                        .records.first?.node
                    #expect(other != node)
                    #expect(seen.withLock { $0 } == [1, 2, 3])
                }
            }
        }
    }

    @Test func `a handler continues where it was when the node starts again`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let registry = try HandlerRegistry.with([
                TestHandler(body: { event, _ in
                    seen.withLock { $0.append(event.position.rawValue) }
                    return .done
                })
            ])
            for round in 1...3 {
                let node = TestNode(test, name: "node-\(round)", registry: registry)
                try await node.running {
                    _ = try await test.append(.test(), .test())
                    let isDone = try await node.eventually {
                        try await node.statuses().allSatisfy { $0 == .processed }
                    }
                    #expect(isDone)
                    node.subscriptions.drain()
                }
                // A node that is cut off keeps its lease until it expires.
                try await test.script("update apus.leases set expires_at = now()")
            }
            #expect(seen.withLock { $0 } == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test func `a node that drains in the middle of a batch leaves the rest to the next`()
        async throws
    {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let draining = Lock<Subscriptions?>(nil)
            let registry = try HandlerRegistry.with([
                TestHandler(body: { event, _ in
                    seen.withLock { $0.append(event.position.rawValue) }
                    if event.position == Position(2) { draining.withLock { $0 }?.drain() }
                    return .done
                })
            ])
            let first = TestNode(test, name: "node-1", registry: registry)
            draining.withLock { $0 = first.subscriptions }
            try await first.host.register()
            _ = try await test.append(.test(), .test(), .test(), .test(), .test())
            try await first.running {
                let isOver = try await first.eventually {
                    try await first.statuses().prefix(3) == [.processed, .processed, .pending]
                }
                #expect(isOver)
            }
            let second = TestNode(test, name: "node-2", registry: registry)
            try await second.running {
                let isDone = try await second.eventually {
                    try await second.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isDone)
            }
            #expect(seen.withLock { $0 } == [1, 2, 3, 4, 5])
        }
    }
}
