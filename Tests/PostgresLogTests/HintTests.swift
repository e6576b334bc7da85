import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct HintTests {
    /// What is left when nobody polls.
    private static var patient: EventTail.Configuration {
        var configuration = EventTail.Configuration()
        configuration.pollInterval = .seconds(3_600)
        return configuration
    }

    @Test func `what one node stores wakes the subscribers of another`() async throws {
        try await TestLog.with { test in
            try await TestLog.node(on: test.database) { other in
                try await other.log.open()
                try await other.following(Self.patient) { subscriptions in
                    var subscription = try await subscriptions.open(.all)
                    _ = try await subscription.untilLive()
                    for position in UInt64(1)...20 {
                        _ = try await test.append(.test())
                        #expect(try await subscription.next(position))
                    }
                }
            }
        }
    }

    @Test func `a node that is alone tells nobody`() async throws {
        try await TestLog.with { test in
            let spy = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            let notifications = try await spy.listen("apus_log")
            for _ in 0..<20 { _ = try await test.append(.test()) }
            let own = await spy.backendPID
            _ = try await spy.execute(
                Statement(name: "mark", sql: "select pg_notify('apus_log', 'mark')"))
            // They come in the order of their commits.
            let first = await notifications.first { _ in true }
            #expect(first?.backendPID == own)
            await spy.close()
        }
    }

    @Test func `a node that hears another one tells what it kept to itself`() async throws {
        try await TestLog.with { test in
            let spy = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            let notifications = try await spy.listen("apus_log")
            _ = try await test.append(.test())
            let own = await spy.backendPID
            _ = try await spy.execute(
                Statement(name: "mark", sql: "select pg_notify('apus_log', 'mark')"))
            let told = await notifications.first { $0.backendPID != own }
            #expect(told != nil)
            await spy.close()
        }
    }

    /// Counts how often it is told where the log stands.
    private final class Counter: LogObserver {
        private let state = Lock((count: 0, head: Position.zero))
        var count: Int { state.withLock { $0.count } }
        var head: Position { state.withLock { $0.head } }
        func committed(_ events: [RecordedEvent]) {}
        func grew(to head: Position) {}
        func reached(_ bounds: LogBounds) {
            state.withLock { $0 = ($0.count + 1, bounds.head) }
        }
    }

    @Test func `a flood of hints is heard as few`() async throws {
        try await TestLog.with { test in
            let counter = Counter()
            test.log.add(counter)
            while counter.count == 0 { await Task.yield() }
            try await test.script(
                "select count(pg_notify('apus_log', g::text)) from generate_series(1, 5000) g")
            try await TestLog.node(on: test.database) { other in
                _ = try await other.append(.test())
                while counter.head == .zero { await Task.yield() }
            }
            #expect(counter.count < 2_500)
        }
    }
}
