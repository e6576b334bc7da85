import Events
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Where a replay stops, and what of it is repeated then.
@Suite struct ReplayEndTests {
    private let caller = Caller(tenant: TenantID(unchecked: "acme"))
    private let clock = ManualClock()
    /// Positions that were replayed.
    private let seen = Lock<[UInt64]>([])
    /// Of a run that is held until the test lets it go.
    private let begun = AsyncStream.makeStream(of: Void.self)
    private let gate = AsyncStream.makeStream(of: Never.self)

    private var range: ReplayRequest {
        ReplayRequest(
            selection: .range(ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))))
    }

    /// A handler whose replayed events `during` is told of.
    private func handler(
        during: @escaping @Sendable (UInt64) async throws -> Void
    ) -> TestHandler {
        TestHandler(body: { [seen] event, context in
            guard context.replay != nil else { return .done }
            seen.withLock { $0.append(event.position.rawValue) }
            try await during(event.position.rawValue)
            return .done
        })
    }

    private func hold() async {
        begun.continuation.yield()
        for await _ in gate.stream {}
    }

    /// Runs `body` beside the replays of a node whose handler has handled three events.
    private func with(
        _ handler: TestHandler, _ body: @escaping @Sendable (TestNode) async throws -> Void
    ) async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler]), clock: clock)
            try await node.running {
                for _ in 0..<3 { _ = try await test.append(.test()) }
                let isSettled = try await node.eventually {
                    try await node.statuses() == [.processed, .processed, .processed]
                }
                #expect(isSettled)
                try await body(node)
            }
        }
    }

    private func done(_ id: EventID, _ node: TestNode) async throws -> Int? {
        try await node.store.find(id, tenant: caller.tenant)?.targets.first?.done
    }

    /// Waits until the one lease there is was given back.
    private func expectLeft(_ node: TestNode) async throws {
        let isLeft = try await node.eventually {
            try await node.test.rows(
                "select 1 from apus.leases where expires_at <= clock_timestamp()"
            ).count == 1
        }
        #expect(isLeft)
    }

    private func isCompleted(_ id: EventID, _ node: TestNode) async throws -> Bool {
        try await node.store.find(id, tenant: caller.tenant)?.state == .completed
    }

    @Test func `a node that drains ends with the event it is at, and keeps what ran`() async throws
    {
        try await with(handler { if $0 == 2 { await hold() } }) { node in
            let id = try #require(try await node.replays.start(range, caller: caller).id)
            for await _ in begun.stream { break }
            node.replays.drain()
            gate.continuation.finish()
            try await expectLeft(node)
            try await expectEqual(done(id, node), 2)
            #expect(seen.withLock { $0 } == [1, 2])
            let next = TestNode(
                node.test, name: "node-2", registry: node.registry, clock: clock)
            try await next.running {
                let isOver = try await next.eventually { try await isCompleted(id, next) }
                #expect(isOver)
            }
            #expect(seen.withLock { $0 } == [1, 2, 3])
        }
    }

    @Test func `a node that drains does not wait for a replay's pace`() async throws {
        try await with(handler { _ in }) { node in
            var slow = range
            slow.maxEventsPerSecond = 1
            let id = try #require(try await node.replays.start(slow, caller: caller).id)
            let isUnderWay = try await node.eventually { try await done(id, node) == 1 }
            #expect(isUnderWay)
            // Two looks, the lease, the pace.
            await clock.waitForSleepers(4)
            node.replays.drain()
            try await expectLeft(node)
            try await expectEqual(done(id, node), 1)
        }
    }

    @Test func `what ran is kept once a second`() async throws {
        let handler = handler { position in
            if position == 1 { clock.advance(by: .seconds(1)) }
            if position == 2 { await hold() }
        }
        try await with(handler) { node in
            let id = try #require(try await node.replays.start(range, caller: caller).id)
            for await _ in begun.stream { break }
            try await expectEqual(done(id, node), 1)
            gate.continuation.finish()
            let isOver = try await node.eventually { try await isCompleted(id, node) }
            #expect(isOver)
            #expect(seen.withLock { $0 } == [1, 2, 3])
        }
    }

    @Test func `a replay rests while its handler is paused`() async throws {
        let books = Lock<PostgresBooks?>(nil)
        let handler = handler { position in
            guard position == 1 else { return }
            _ = try await books.withLock { $0 }?.pause("sample", true)
            clock.advance(by: .seconds(1))
        }
        try await with(handler) { node in
            books.withLock { $0 = node.books }
            let id = try #require(try await node.replays.start(range, caller: caller).id)
            try await expectLeft(node)
            try await expectEqual(done(id, node), 1)
            #expect(seen.withLock { $0 } == [1])
            _ = try await node.books.pause("sample", false)
            clock.advance(by: .seconds(2))
            let isOver = try await node.eventually { try await isCompleted(id, node) }
            #expect(isOver)
            #expect(seen.withLock { $0 } == [1, 2, 3])
        }
    }
}
