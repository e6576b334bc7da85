import Events
import Postgres
import Telemetry
import Testing

@testable import PostgresLog

/// Dead letters of a handler that are tried again.
@Suite struct HandlerRevivalTests {
    @Test func `many come again, each once, and each try that fails is told of`()
        async throws
    {
        try await TestLog.with { test in
            let count = 300
            let isBroken = Lock(true)
            let handled = Lock<[RecordedEvent]>([])
            let told = ToldFailures()
            let registry = try HandlerRegistry.with([
                TestHandler(body: { event, _ in
                    if isBroken.withLock({ $0 }) { throw HandlerError.permanent("broken") }
                    handled.withLock { $0.append(event) }
                    return .done
                })
            ])
            let node = TestNode(test, registry: registry, failures: told)
            let letters = PostgresDeadLetters(log: test.log, node: "node-1", pageSize: 64)
            try await node.running {
                for number in 0..<count { _ = try await test.append(.test("key-\(number % 7)")) }
                func deadLettered() async throws -> UInt64 {
                    try await node.host.list().first?.deadLettered ?? 0
                }
                let areDead = try await node.eventually {
                    try await deadLettered() == UInt64(count)
                }
                try #require(areDead)
                let selection = DeadLetterSelection(
                    tenant: try await test.history()[0].tenant, consumer: "handler/sample")
                try await expectEqual(letters.retry(selection, perSecond: nil), count)
                // All fail again.
                let areToldAgain = try await node.eventually { told.failures.count == 2 * count }
                try #require(areToldAgain)
                #expect(told.failures.allSatisfy { $0.attempt == 1 })
                #expect(told.failures.count { $0.revival > 0 } == count)
                isBroken.withLock { $0 = false }
                let areRetried = try await node.eventually {
                    _ = try await letters.retry(selection, perSecond: nil)
                    return try await deadLettered() == 0
                }
                try #require(areRetried)
                // A retry may have come between: that its event is done has yet to be heard of.
                let isNothingLeft = try await node.eventually {
                    try await test.rows("select count(*) from apus.work").only().int64(0) == 0
                }
                #expect(isNothingLeft)
            }
            let events = handled.withLock { $0 }
            #expect(Set(events.map(\.position)).count == count && events.count == count)
        }
    }
}

private final class ToldFailures: FailureReporter {
    private let told = Lock<[HandlerFailure]>([])

    var failures: [HandlerFailure] { told.withLock { $0 } }

    func report(_ failure: HandlerFailure) async { told.withLock { $0.append(failure) } }
}
