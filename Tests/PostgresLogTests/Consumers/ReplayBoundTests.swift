import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// What one tenant's replays can come to.
@Suite struct ReplayBoundTests {
    private let caller = Caller(tenant: TenantID(unchecked: "acme"))

    @Test func `what a replay has read is stored before it reads much more`() async throws {
        let begun = AsyncStream.makeStream(of: Void.self)
        let gate = AsyncStream.makeStream(of: Never.self)
        let handler = TestHandler(body: { event, context in
            if context.replay != nil, event.position == Position(5) {
                begun.continuation.yield()
                for await _ in gate.stream {}
            }
            return .done
        })
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([handler]), clock: ManualClock())
            let large = [UInt8](repeating: 7, count: 600 << 10)
            for _ in 0..<6 { _ = try await test.append(.test(data: large)) }
            try await node.running {
                let isSettled = try await node.eventually {
                    try await node.statuses().allSatisfy { $0 == .processed }
                }
                #expect(isSettled)
                let request = ReplayRequest(
                    selection: .range(
                        ReplayRange(filter: EventFilter(tenants: .only([caller.tenant])))))
                let id = try #require(try await node.replays.start(request, caller: caller).id)
                for await _ in begun.stream { break }
                let stored = try await node.replays.find(id, caller: caller)
                #expect(stored.targets.map(\.done) == [4])
                gate.continuation.finish()
                let isOver = try await node.eventually {
                    try await node.replays.find(id, caller: caller).state == .completed
                }
                #expect(isOver)
                let ended = try await node.replays.find(id, caller: caller)
                #expect(ended.targets.map(\.done) == [6])
            }
        }
    }
}
