import Events
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// What a replay does about a run that fails for a transient reason.
@Suite struct ReplayRetryTests {
    private let acme = TenantID(unchecked: "acme")
    private let id = EventID.number(77)
    /// Attempts at the second event.
    private let attempts = Lock<[Int]>([])

    /// Runs `body` with a node that has handled three events, and keeps a replay of them; before the
    /// given attempt the second event of that fails.
    private func with(
        succeedingAt attempt: Int,
        _ body: @escaping @Sendable (TestNode) async throws -> Void
    ) async throws {
        var handler = TestHandler { [attempts] event, context in
            guard context.replay != nil, event.position == Position(2) else { return .done }
            attempts.withLock { $0.append(context.attempt) }
            if context.attempt < attempt { throw HandlerError.transient("not yet") }
            return .done
        }
        handler.retry = RetryPolicy(maxAttempts: 3, firstDelay: .zero, maxDelay: .zero)
        try await TestLog.with { [handler] test in
            let node = TestNode(test, registry: try .with([handler]))
            try await node.running {
                for _ in 0..<3 { _ = try await test.append(.test()) }
                let isSettled = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isSettled)
                _ = try await node.store.create(
                    NewReplay(
                        id: id, tenant: acme, requestID: "", reason: "", maxEventsPerSecond: 0,
                        positions: (1...UInt64(3)).map(Position.init(_:)),
                        targets: [.init(handler: "sample", events: 3)]))
                try await body(node)
            }
        }
    }

    private func expectTarget(done: Int, failed: Int, _ node: TestNode) async throws {
        let isOver = try await node.eventually {
            try await node.store.find(id, tenant: acme)?.state == .completed
        }
        #expect(isOver)
        try await expectEqual(
            node.store.find(id, tenant: acme)?.targets,
            [.init(handler: "sample", events: 3, done: done, failed: failed)])
    }

    @Test func `it is tried again, and goes on`() async throws {
        try await with(succeedingAt: 3) { node in
            try await expectTarget(done: 3, failed: 0, node)
            #expect(attempts.withLock { $0 } == [1, 2, 3])
            let records = try await node.books.deliveries(at: Position(2), limit: 9).records
            #expect(
                records.filter { $0.replay == id }.map(\.outcome) == [
                    .succeeded, .failed, .failed,
                ])
        }
    }

    @Test func `it counts as failed when no attempt is left`() async throws {
        try await with(succeedingAt: 9) { node in
            try await expectTarget(done: 2, failed: 1, node)
            #expect(attempts.withLock { $0 } == [1, 2, 3])
        }
    }

    @Test func `attempts of a turn before count`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            try await node.host.register()
            _ = try await test.append(.test())
            let event = try #require(try await test.history().first)
            _ = try await node.store.create(
                NewReplay(
                    id: id, tenant: acme, requestID: "", reason: "", maxEventsPerSecond: 0,
                    positions: [event.position], targets: [.init(handler: "sample", events: 1)]))
            _ = try await node.store.claim(id, fence: 1)
            var work = ReplayWork(
                replay: id, fence: 1, handler: "sample", node: "gone", from: .zero, through: .zero,
                runs: [], missing: 0)
            work.tries = [1, 2].map { attempt in
                HandlerRun(
                    event: event, attempt: attempt, outcome: .failed,
                    startedAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 0),
                    duration: .zero)
            }
            _ = try await node.store.commit(work)
            try await expectEqual(
                node.store.attempts(id, handler: "sample", at: event.position), 2)
            let other = EventID.number(78)
            try await expectEqual(
                node.store.attempts(other, handler: "sample", at: event.position), 0)
            try await expectEqual(
                node.store.find(id, tenant: acme)?.targets,
                [.init(handler: "sample", events: 1)])
            _ = try await node.store.cancel(id, tenant: acme)
            let late = work
            await #expect(throws: BooksError.replayOver) {
                try await node.store.commit(late)
            }
        }
    }
}
