import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Handlers that come, go and change while a node runs.
@Suite struct HandlerChangeTests {
    /// What handlers were handed: who, and the position.
    private let seen = Lock<[String]>([])

    private func handler(
        _ name: String, as instance: String? = nil, concurrency: Int = 16,
        _ body: @escaping @Sendable () async throws -> Void = {}
    ) -> TestHandler {
        TestHandler(
            name: name, concurrency: concurrency,
            body: { [seen] event, _ in
                seen.withLock { $0.append("\(instance ?? name) \(event.position)") }
                try await body()
                return .done
            })
    }

    private func hasSeen(_ node: TestNode, _ runs: String...) async throws -> Bool {
        try await node.eventually { seen.withLock { $0.sorted() } == runs.sorted() }
    }

    @Test func `a new handler starts at the head, as it would with the node`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler("old")]))
            try await node.running {
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "old 1"), true)
                try await node.host.use(.with([handler("old"), handler("new")]))
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "old 1", "old 2", "new 2"), true)
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .processed]
                }
                #expect(isDone)
            }
        }
    }

    @Test func `the first handler of a node may come while it runs`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test)
            try await node.running {
                try await node.host.use(.with([handler("new")]))
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "new 1"), true)
            }
        }
    }

    @Test func `one that is gone keeps its place, and goes on from there`() async throws {
        try await TestLog.with { test in
            let both = try HandlerRegistry.with([handler("a"), handler("b")])
            let node = TestNode(test, registry: both)
            try await node.running {
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "a 1", "b 1"), true)
                try await node.host.use(.with([handler("a")]))
                try await expectEqual(node.hasEnded("b"), true)
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "a 1", "b 1", "a 2"), true)
                let isLeft = try await node.eventually {
                    try await node.outcomes(at: 2) == [.succeeded]
                }
                #expect(isLeft)
                // The other has it still to do.
                try await expectEqual(node.statuses(), [.processed, .processing])
                // Nobody holds its partitions: another node may have it.
                let held = try await test.rows(
                    """
                    select count(*) from apus.consumer_partitions p
                    join apus.handlers h on h.consumer_id = p.consumer_id
                    where h.name = 'b' and p.holder is not null
                    """)
                #expect(try held[0].int64(0) == 0)
                try await node.host.use(both)
                try await expectEqual(hasSeen(node, "a 1", "b 1", "a 2", "b 2"), true)
            }
        }
    }

    @Test func `one that changes finishes what it is at before the new one begins`()
        async throws
    {
        try await TestLog.with { test in
            let go = Lock<CheckedContinuation<Void, Never>?>(nil)
            let old = handler("a", as: "old") {
                await withCheckedContinuation { continuation in
                    go.withLock { $0 = continuation }
                }
            }
            let node = TestNode(test, registry: try .with([old]))
            try await node.running {
                // One key: the second waits for the first.
                _ = try await test.append(.test("k"), .test("k"))
                let isAtIt = try await node.eventually { go.withLock { $0 != nil } }
                #expect(isAtIt)
                try await node.host.use(.with([handler("a", as: "new", concurrency: 2)]))
                try await expectEqual(hasSeen(node, "old 1"), true)
                go.withLock { $0.take() }?.resume()
                try await expectEqual(hasSeen(node, "old 1", "new 2"), true)
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .processed]
                }
                #expect(isDone)
                try await expectEqual(node.outcomes(at: 1), [.succeeded])
                try await expectEqual(node.outcomes(at: 2), [.succeeded])
            }
        }
    }

    @Test func `one with the same traits stays as it is, unless it is said to be another`()
        async throws
    {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler("a", as: "first")]))
            try await node.running {
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "first 1"), true)
                try await node.host.use(.with([handler("a", as: "second")]))
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "first 1", "first 2"), true)
                try await node.host.use(.with([handler("a", as: "third")]), renewing: ["a"])
                try await expectEqual(node.hasEnded("a"), true)
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "first 1", "first 2", "third 3"), true)
            }
        }
    }

    @Test func `a type that is added counts from the change on`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler("a")]))
            try await node.running {
                _ = try await test.append(.test(), .test(type: "order.paid"))
                try await expectEqual(hasSeen(node, "a 1"), true)
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .processed]
                }
                #expect(isDone)
                var wider = handler("a")
                wider.types = ["lead.*", "order.*"].compactMap { TypePattern($0) }
                try await node.host.use(.with([wider]))
                try await expectEqual(node.hasEnded("a"), true)
                _ = try await test.append(.test(type: "order.paid"))
                try await expectEqual(hasSeen(node, "a 1", "a 3"), true)
                // The books know it too, for the events' status.
                let patterns = try await node.books.progress().flatMap(\.patterns)
                #expect(patterns.map(\.pattern.text).sorted() == ["lead.*", "order.*"])
            }
        }
    }

    @Test func `when the store refuses, all stays as it was`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler("a")]))
            try await node.running {
                _ = try await test.rows("alter table apus.handler_patterns rename to away")
                let decided = Lock(false)
                let error = await #expect(throws: EventsError.self) {
                    try await node.host.use(.with([handler("b")])) {
                        decided.withLock { $0 = true }
                    }
                }
                #expect(error != nil && !decided.withLock { $0 })
                _ = try await test.rows("alter table apus.away rename to handler_patterns")
                _ = try await test.append(.test())
                try await expectEqual(hasSeen(node, "a 1"), true)
                #expect(node.host.registry.descriptions.map(\.name) == ["a"])
            }
        }
    }

    @Test func `what one node has no more another runs`() async throws {
        try await TestLog.with { test in
            let first = TestNode(test, name: "node-1", registry: try .with([handler("a")]))
            let second = TestNode(
                test, name: "node-2", registry: try .with([handler("a", as: "other")]))
            try await first.running {
                try await second.running {
                    _ = try await test.append(.test())
                    let isDone = try await first.eventually {
                        try await first.statuses() == [.processed]
                    }
                    #expect(isDone)
                    try await first.host.use(HandlerRegistry())
                    try await expectEqual(first.hasEnded("a"), true)
                    seen.withLock { $0 = [] }
                    _ = try await test.append(.test("b"), .test("c"), .test("d"), .test("e"))
                    try await expectEqual(
                        hasSeen(second, "other 2", "other 3", "other 4", "other 5"), true)
                }
            }
        }
    }
}

extension TestNode {
    /// Whether a handler that was taken out, or changed, has ended.
    fileprivate func hasEnded(_ name: String) async throws -> Bool {
        try await eventually {
            sink.records.contains { record in
                "\(record.message)" == "Handler has ended"
                    && record.fields[.handler] == .string(name)
            }
        }
    }
}
