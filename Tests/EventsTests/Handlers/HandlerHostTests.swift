import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct HandlerHostTests {
    private let log = ScriptedLog()
    private let books = SampleBooks()
    private let clock = ManualClock()
    private let tail: EventTail

    init() { tail = EventTail(log: log, clock: clock) }

    /// Runs a host beside `body`. No wait ends but by an event or by the clock.
    private func running(_ body: @escaping @Sendable () async throws -> Void) async throws {
        var registry = HandlerRegistry()
        try registry.register(SampleProjection())
        let host = HandlerHost(
            registry: registry, books: books, leases: OpenLeases(),
            subscriptions: Subscriptions(log: log, tail: tail), node: "node", clock: clock,
            wallClock: clock.wall, metrics: MetricsRegistry(), logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await host.run() }
            try await body()
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private func publish(_ position: UInt64) {
        let events = [SampleEvents.event(position)]
        log.store(events)
        tail.committed(events)
    }

    @Test func `events that come right behind a transaction share the next`() async throws {
        try await running {
            var commits = books.commits.makeAsyncIterator()
            publish(1)
            expect(await commits.next(), [1])
            for position in 2...20 {
                publish(UInt64(position))
                await Task.yield()
            }
            clock.advance(by: .milliseconds(3))
            expect(await commits.next(), Array(2...20))
        }
    }

    @Test func `an event that comes alone waits for nothing`() async throws {
        try await running {
            var commits = books.commits.makeAsyncIterator()
            for position in 1...3 {
                publish(UInt64(position))
                expect(await commits.next(), [UInt64(position)])
                clock.advance(by: .milliseconds(3))
            }
        }
    }
}
