import Postgres
import Telemetry
import Testing

@testable import Events
@testable import PostgresLog

@Suite struct HandlerDirectoryTests {
    private func shown(_ node: TestNode) async throws -> HandlerStanding? {
        try await node.host.list().first
    }

    @Test func `a paused handler is handed nothing until it is resumed`() async throws {
        try await TestLog.with { test in
            let seen = Lock<[UInt64]>([])
            let node = TestNode(
                test,
                registry: try .with([
                    TestHandler(body: { event, _ in
                        seen.withLock { $0.append(event.position.rawValue) }
                        return .done
                    }),
                    TestHandler(name: "witness"),
                ]))
            try await node.running {
                _ = try await test.append(.test("a"))
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed]
                }
                #expect(isDone)
                try await expectEqual(node.host.pause("sample").state, .paused)
                let consumer = try #require(try await node.books.find("sample")?.consumer)
                let isPaused = try await node.eventually {
                    await node.groups.consumers.engine(of: consumer)?.isPaused == true
                }
                #expect(isPaused)
                _ = try await test.append(.test("a"), .test("b"))
                let isSeen = try await node.eventually {
                    let outcomes = try await node.outcomes(at: 2) + node.outcomes(at: 3)
                    return outcomes == [.succeeded, .succeeded]
                }
                #expect(isSeen)
                #expect(seen.withLock { $0 } == [1])
                try await expectEqual(node.host.resume("sample").state, .running)
                let isOver = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isOver)
                #expect(seen.withLock { $0.sorted() } == [1, 2, 3])
                await #expect(throws: EventsError.self) { try await node.host.pause("nobody") }
            }
        }
    }

    @Test func `a rebuilt projection has the same rows`() async throws {
        try await TestLog.with { test in
            let node = TestNode(
                test, registry: try .with([], projections: [TestProjection()]))
            @Sendable func rows() async throws -> [String] {
                try await test.rows(
                    """
                    select source || ' ' || leads as row from apus.lead_funnel
                    union all select lead_id || ' ' || source || ' ' || position from apus.leads
                    union all select source || ' ' || day || touches || leads
                    from apus.lead_attribution order by row
                    """
                ).map { try $0.string(0) }
            }
            try await node.running {
                for index in 0..<40 {
                    _ = try await test.append(
                        .test("lead-\(index % 7)", source: index % 3 == 0 ? "ads" : "crm"))
                }
                let isDone = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isDone)
                let before = try await rows()
                #expect(before.count > 7)
                // What a rebuild must not leave.
                try await test.script("update apus.lead_funnel set leads = leads + 100")
                _ = try await node.host.rebuild("leads")
                let isAnew = try await node.eventually {
                    let standing = try await shown(node)
                    guard standing?.state == .running, standing?.lagEvents == 0 else {
                        return false
                    }
                    return try await rows() == before
                }
                #expect(isAnew)
                try await expectEqual(node.outcomes(at: 1), [.succeeded, .succeeded])
            }
        }
    }

    @Test func `nothing is rebuilt from events that are gone`() async throws {
        try await TestLog.with { test in
            let node = TestNode(
                test, registry: try .with([TestHandler()], projections: [TestProjection()]))
            try await node.host.register()
            _ = try await test.append(.test(), .test())
            try await test.script(
                "insert into apus.leads values ('acme', 'x', 'crm', now(), 1);"
                    + "delete from apus.event_partitions")
            for name in ["leads", "sample"] {
                do {
                    _ = try await node.host.rebuild(name)
                    Issue.record("\(name) was rebuilt")
                } catch let error as EventsError {
                    #expect(error.code == .failedPrecondition)
                }
            }
            let left = try await test.rows("select 1 from apus.leads")
            #expect(left.count == 1)
        }
    }

    @Test func `a circuit opens while all fails, and closes once a try goes well`() async throws {
        try await TestLog.with { test in
            let isAway = Lock(true)
            let node = TestNode(
                test,
                registry: try .with([
                    TestHandler(
                        retry: RetryPolicy(
                            maxAttempts: 1_000, firstDelay: .zero, maxDelay: .milliseconds(1)),
                        body: { _, _ in
                            if isAway.withLock({ $0 }) {
                                throw HandlerError.refused("who are you", target: "hub")
                            }
                            return .done
                        })
                ]))
            try await node.running {
                _ = try await test.append(.test("a"), .test("b"), .test("c"))
                let isBroken = try await node.eventually {
                    try await shown(node)?.state == .broken
                }
                #expect(isBroken)
                isAway.withLock { $0 = false }
                let isHealed = try await node.eventually {
                    let standing = try await shown(node)
                    return standing?.state == .running && standing?.succeeded == 3
                }
                #expect(isHealed)
                try await expectEqual(
                    node.statuses(), [.processed, .processed, .processed])
                let standing = try #require(try await shown(node))
                #expect(standing.failed >= 1)
                #expect(standing.retrying == 0 && standing.deadLettered == 0)
                #expect(standing.types.map(\.text) == ["lead.*"])
            }
        }
    }
}
