import Events
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Which replays a node takes on.
@Suite struct ReplayTurnTests {
    private let acme = TenantID(unchecked: "acme")
    private let other = TenantID(unchecked: "other")

    /// Keeps replays of the log's first events, with the ids of these numbers.
    private func create(
        _ numbers: ClosedRange<UInt64>, of tenant: TenantID, for handlers: String...,
        events: UInt64 = 1, perSecond: Int = 0, on node: TestNode
    ) async throws -> [EventID] {
        for number in numbers {
            _ = try await node.store.create(
                NewReplay(
                    id: .number(number), tenant: tenant, requestID: "", reason: "",
                    maxEventsPerSecond: perSecond, positions: (1...events).map(Position.init(_:)),
                    targets: handlers.map { .init(handler: $0, events: Int(events)) }))
        }
        return numbers.map(EventID.number)
    }

    private func expectCompleted(
        _ id: EventID, of tenant: TenantID, on node: TestNode
    ) async throws {
        let isCompleted = try await node.eventually {
            try await node.store.find(id, tenant: tenant)?.state == .completed
        }
        #expect(isCompleted)
    }

    @Test func `replays whose handler is nowhere hold up no other`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            _ = try await test.append(.test())
            _ = try await create(1...5, of: acme, for: "gone", on: node)
            _ = try await create(9...9, of: acme, for: "sample", on: node)
            try await node.running {
                try await expectCompleted(.number(9), of: acme, on: node)
            }
        }
    }

    @Test func `replays whose handler is paused hold up no other`() async throws {
        try await TestLog.with { test in
            let node = TestNode(
                test, registry: try .with([TestHandler(), TestHandler(name: "paused")]))
            _ = try await test.append(.test())
            try await node.host.register()
            _ = try await node.books.pause("paused", true)
            _ = try await create(1...5, of: acme, for: "paused", on: node)
            _ = try await create(9...9, of: acme, for: "sample", on: node)
            try await node.running {
                try await expectCompleted(.number(9), of: acme, on: node)
                try await expectEqual(
                    node.store.find(.number(1), tenant: acme)?.state, .planned)
            }
        }
    }

    @Test func `replays that another node runs hold up no other`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([TestHandler()]))
            _ = try await test.append(.test())
            for id in try await create(1...5, of: acme, for: "sample", on: node) {
                _ = try await node.leases.acquire("replay/\(id)", holder: "b", for: .seconds(600))
            }
            _ = try await create(9...9, of: acme, for: "sample", on: node)
            try await node.running {
                try await expectCompleted(.number(9), of: acme, on: node)
            }
        }
    }

    @Test func `one tenant's slow replays hold up no other tenant's`() async throws {
        try await TestLog.with { test in
            let clock = ManualClock()
            let node = TestNode(test, registry: try .with([TestHandler()]), clock: clock)
            for _ in 0..<90 { _ = try await test.append(.test()) }
            let slow = try await create(
                1...5, of: acme, for: "sample", events: 90, perSecond: 1, on: node)
            try await node.running {
                let areBegun = try await node.eventually {
                    for id in slow.prefix(4) {
                        let replay = try await node.store.find(id, tenant: acme)
                        guard replay?.targets.first?.done == 1 else { return false }
                    }
                    // Two looks, and of each of the four its lease and its pace.
                    return clock.sleepers == 10
                }
                #expect(areBegun)
                _ = try await create(9...9, of: other, for: "sample", on: node)
                clock.advance(by: .seconds(30))
                try await expectCompleted(.number(9), of: other, on: node)
                try await expectEqual(
                    node.store.find(.number(1), tenant: acme)?.state, .running)
            }
        }
    }

    @Test func `a handler that is resumed goes on beside the replay's others`() async throws {
        let clock = ManualClock()
        let books = Lock<PostgresBooks?>(nil)
        let resumed = AsyncStream.makeStream(of: Never.self)
        let seen = AsyncStream.makeStream(of: Never.self)
        let one = TestHandler(name: "one") { event, _ in
            if event.position == Position(1) { for await _ in resumed.stream {} }
            if event.position == Position(3) { for await _ in seen.stream {} }
            return .done
        }
        let two = TestHandler(name: "two") { event, _ in
            if event.position == Position(1) {
                _ = try await books.withLock { $0 }?.pause("two", true)
                clock.advance(by: .seconds(1))
            } else {
                seen.continuation.finish()
            }
            return .done
        }
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([one, two]), clock: clock)
            books.withLock { $0 = node.books }
            for _ in 0..<3 { _ = try await test.append(.test()) }
            _ = try await create(1...1, of: acme, for: "one", "two", events: 3, on: node)
            try await node.running {
                let isResting = try await node.eventually {
                    try await node.store.find(.number(1), tenant: acme)?.targets[1].done == 1
                }
                #expect(isResting)
                _ = try await node.books.pause("two", false)
                clock.advance(by: .seconds(10))
                resumed.continuation.finish()
                try await expectCompleted(.number(1), of: acme, on: node)
            }
        }
    }

    @Test func `that a handler is nowhere is told once`() async throws {
        try await TestLog.with { test in
            let clock = ManualClock()
            let node = TestNode(test, registry: try .with([TestHandler()]), clock: clock)
            _ = try await test.append(.test())
            try await node.host.register()
            _ = try await node.books.pause("sample", true)
            _ = try await create(1...1, of: acme, for: "gone", "sample", on: node)
            @Sendable func told() -> [[LogKey: LogValue]] {
                node.sink.records.filter { $0.level == .warning && $0.fields[.replay] != nil }
                    .map(\.fields)
            }
            try await node.running {
                let isThere = try await node.eventually {
                    try await node.host.list().first?.nodes == [node.name]
                }
                #expect(isThere)
                await clock.waitForSleepers(2)
                clock.advance(by: .seconds(30))
                let isTold = try await node.eventually { told().count == 1 }
                #expect(isTold)
                _ = try await create(2...2, of: acme, for: "lost", on: node)
                await clock.waitForSleepers(2)
                clock.advance(by: .seconds(30))
                let areTold = try await node.eventually { told().count > 1 }
                #expect(areTold)
                #expect(
                    told() == [
                        [.replay: .init(EventID.number(1)), .handler: "gone"],
                        [.replay: .init(EventID.number(2)), .handler: "lost"],
                    ])
            }
        }
    }
}
