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
                try await expectEqual(Set(node.outcomes(at: 2)), [.succeeded, .deadLettered])
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
                // Each of them ran once, as far as anybody is told.
                let rows = try await test.rows(
                    "select attempt, outcome from apus.ledger order by position")
                let told = try rows.map { [Int(try $0.int32(0)), Int(try $0.int16(1))] }
                #expect(told == [[1, 2], [1, 6], [1, 2]])
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
                    first.host.drain()
                    _ = try await test.append(.test(), .test("b"), .test("c"))
                    let isTaken = try await second.eventually {
                        try await second.statuses().allSatisfy { $0 == .processed }
                    }
                    #expect(isTaken)
                    let node = try await first.books.deliveries(at: Position(5), limit: 1)
                        .records.first?.node
                    #expect(node == "node-2")
                    #expect(seen.withLock { $0.sorted() } == [1, 2, 3, 4, 5])
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
                }
            }
            #expect(seen.withLock { $0 } == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test func `a node that drains in the middle of a batch leaves the rest to the next`()
        async throws
    {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let draining = Lock<Groups?>(nil)
            let registry = try HandlerRegistry.with([
                TestHandler(
                    concurrency: 1,
                    body: { event, _ in
                        seen.withLock { $0.append(event.position.rawValue) }
                        if event.position == Position(2) { draining.withLock { $0 }?.drain() }
                        return .done
                    })
            ])
            let first = TestNode(test, name: "node-1", registry: registry)
            draining.withLock { $0 = first.groups }
            try await first.host.register()
            _ = try await test.append(.test(), .test(), .test(), .test(), .test())
            try await first.running {
                let isOver = try await first.eventually { seen.withLock { $0.count } >= 2 }
                #expect(isOver)
            }
            let second = TestNode(test, name: "node-2", registry: registry)
            try await second.running {
                let isDone = try await second.eventually {
                    try await second.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isDone)
            }
            #expect(seen.withLock { $0.sorted() } == [1, 2, 3, 4, 5])
        }
    }

    @Test func `a transient failure is tried again, and each attempt is in the ledger`()
        async throws
    {
        try await TestLog.with { test in
            let ids = Lock<Set<String>>([])
            let registry = try HandlerRegistry.with([
                TestHandler(
                    retry: RetryPolicy(firstDelay: .milliseconds(1), maxDelay: .milliseconds(2)),
                    body: { event, context in
                        let id = context.deliveryID.replacing("\(event.id)", with: "ID")
                        ids.withLock { _ = $0.insert(id) }
                        if context.attempt < 3 { throw HandlerError.transient("secret") }
                        return .done
                    })
            ])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test())
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed]
                }
                #expect(isDone)
                let records = try await node.books.deliveries(at: Position(1), limit: 9).records
                #expect(records.map(\.outcome) == [.succeeded, .failed, .failed])
                #expect(records.map(\.attempt) == [3, 2, 1])
                #expect(records.map(\.isRetryRequired) == [false, true, true])
                #expect(records[1].nextAttemptAt != nil)
                #expect(records[1].errorMessage.hasPrefix("TEMPORARY (reference "))
                #expect(ids.withLock { $0 } == ["handler/sample/1/ID"])
            }
        }
    }

    @Test func `attempts are limited, and a dead letter is tried again when it is told to`()
        async throws
    {
        try await TestLog.with { test in
            let isBroken = Lock(true)
            let registry = try HandlerRegistry.with([
                TestHandler(
                    retry: RetryPolicy(
                        maxAttempts: 2, firstDelay: .zero, maxDelay: .milliseconds(1)),
                    body: { _, _ in
                        if isBroken.withLock({ $0 }) { throw HandlerError.transient("away") }
                        return .done
                    })
            ])
            let node = TestNode(test, registry: registry)
            let letters = PostgresDeadLetters(log: test.log, node: "node-1")
            try await node.running {
                _ = try await test.append(.test())
                let isDead = try await node.eventually { try await node.statuses() == [.failed] }
                #expect(isDead)
                try await expectEqual(node.outcomes(at: 1), [.deadLettered, .failed])
                isBroken.withLock { $0 = false }
                let events = try await test.history()
                try await expectEqual(
                    letters.retry(
                        DeadLetterSelection(tenant: events[0].tenant, consumer: "handler/sample"),
                        perSecond: nil), 1)
                let isHealed = try await node.eventually {
                    try await node.statuses() == [.processed]
                }
                #expect(isHealed)
                try await expectEqual(node.outcomes(at: 1), [.succeeded, .deadLettered, .failed])
            }
        }
    }

    @Test func `a run over its time is cancelled and tried again`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([
                TestHandler(
                    timeLimit: .milliseconds(20),
                    retry: RetryPolicy(maxAttempts: 1_000, firstDelay: .zero, maxDelay: .zero),
                    body: { _, context in
                        if context.attempt == 1 { try await Task.sleep(for: .seconds(3_600)) }
                        return .done
                    })
            ])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test())
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed]
                }
                #expect(isDone)
                // Under load even a run that does nothing may be over its time.
                try await expectEqual(node.outcomes(at: 1).last, .timedOut)
            }
        }
    }

    @Test func `events of a key wait for the one before, others do not`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[String]>([])
            let registry = try HandlerRegistry.with([
                TestHandler(
                    retry: RetryPolicy(firstDelay: .milliseconds(1), maxDelay: .milliseconds(1)),
                    body: { event, context in
                        seen.withLock { $0.append("\(event.subject)\(event.position)") }
                        let hasOther = { seen.withLock { $0.contains("b3") } }
                        if event.position == Position(1), !hasOther() {
                            throw HandlerError.transient("the other first")
                        }
                        return .done
                    })
            ])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test("a"), .test("a"), .test("b"))
                let isDone = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isDone)
                let order = seen.withLock { $0.filter { $0.hasPrefix("a") } }
                #expect(order.last == "a2" && order.dropLast().allSatisfy { $0 == "a1" })
            }
        }
    }

    @Test func `a handler that holds keys keeps what comes behind a dead letter`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([
                TestHandler(
                    ordering: .perKey(afterDeadLetter: .hold),
                    body: { event, _ in
                        if event.position == Position(1) { throw TestFailure() }
                        return .done
                    })
            ])
            let node = TestNode(test, registry: registry)
            let letters = PostgresDeadLetters(log: test.log, node: "node-1")
            try await node.running {
                _ = try await test.append(.test("a"), .test("a"), .test("b"))
                let isHeld = try await node.eventually {
                    try await node.statuses() == [.failed, .pending, .processed]
                }
                #expect(isHeld)
                let tenant = try await test.history()[0].tenant
                _ = try await letters.discard(
                    DeadLetterSelection(tenant: tenant, consumer: "handler/sample"),
                    reason: "no use")
                let isFree = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isFree)
            }
        }
    }
}
