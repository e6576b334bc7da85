import TestSupport
import Testing

@testable import Events

/// How much of history a subscriber has in hand.
@Suite struct HistoryPageTests {
    private let log = ScriptedLog()
    private let clock = ManualClock()
    private let tail: EventTail
    private let subscriptions: Subscriptions

    init() {
        tail = EventTail(log: log, clock: clock)
        subscriptions = Subscriptions(log: log, tail: tail)
    }

    private static func page(_ subscription: inout Subscription) async throws -> HistoryPage {
        let item = try await subscription.next(encodedBy: PlainEncoder())
        guard case .history = item, let page = subscription.takePage() else {
            throw Unexpected(item: item)
        }
        return page
    }

    private struct Unexpected: Error {
        let item: EncodedItem?
    }

    private static let all = SubscriptionRequest(filter: .everything, start: .beginning)

    @Test func `pages of history grow once the sink has taken more than a call can have queued`()
        async throws
    {
        log.store(SampleEvents.events(1...5_000))
        // Nothing runs the tail: all of it is history.
        var subscription = try await subscriptions.open(Self.all)
        var held: [Bool] = []
        for _ in 0..<6 {
            let page = try await Self.page(&subscription)
            held.append(page.mayReadAhead)
            #expect((subscriptions.room.freeBytes == 32 << 20) == !page.mayReadAhead)
            withExtendedLifetime(page) {}
        }
        #expect(subscriptions.room.freeBytes == 32 << 20)
        let message = DeliveryBatch.maxBytes
        expect(
            log.askedBytes, [message, message, 4 * message, 16 * message, 1 << 20, 1 << 20])
        expect(held, [false, false, true, true, true, true])
    }

    @Test func `without room for pages history comes a message at a time`() async throws {
        log.store(SampleEvents.events(1...5_000))
        let subscriptions = Subscriptions(log: log, tail: tail, historyBytes: 1 << 19)
        var subscription = try await subscriptions.open(Self.all)
        for _ in 0..<5 {
            #expect(try await !Self.page(&subscription).mayReadAhead)
        }
        expect(log.askedBytes, Array(repeating: DeliveryBatch.maxBytes, count: 5))
    }

    @Test func `a subscriber that has caught up holds no room`() async throws {
        log.store(SampleEvents.events(1...2_000))
        try await withLive(tail, clock) {
            var subscription = try await subscriptions.open(Self.all)
            while let item = try await subscription.next(encodedBy: PlainEncoder()) {
                if case .caughtUp = item { break }
            }
            #expect(subscriptions.room.freeBytes == 32 << 20)
        }
    }

    @Test func `a tail that begins with what its node stored has whoever waits look again`()
        async throws
    {
        let tail = EventTail(log: log, clock: clock)
        tail.reached(SampleEvents.bounds(100))
        async let waited = tail.wait(
            after: Position(100), epoch: 1, filter: CompiledFilter(.everything),
            until: .seconds(1_000_000))
        while tail.waiting == 0 { await Task.yield() }
        // Another node stored what lies in between.
        tail.committed(SampleEvents.events(105...105))
        #expect(await waited == Position(100))
    }
}
