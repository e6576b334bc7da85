import EventProtos
import GRPC
import Telemetry
import TestSupport
import Testing

@testable import Neighbours

/// How Apus knows how its neighbours are.
@Suite struct NeighbourMonitorTests {
    private typealias Health = Result<McpCommonV2.HealthStatus, RPCError>

    /// Runs a monitor whose neighbour answers these, one after the other, and tells what is known
    /// after each.
    private static func standings(
        _ answers: [Health], pauses: [Duration]
    ) async throws -> [NeighbourMonitor.Standing] {
        let clock = ManualClock()
        let script = Lock(answers)
        let monitor = NeighbourMonitor(
            .mcpEngine, clock: clock, metrics: MetricsRegistry(), logger: .silent
        ) {
            try script.withLock { $0.removeFirst() }.get()
        }
        var found = [monitor.standing]
        let running = Task { try await monitor.run() }
        for pause in pauses + [.zero] {
            await clock.waitForSleepers()
            found.append(monitor.standing)
            if found.count == answers.count + 1 { break }
            clock.advance(by: pause - .milliseconds(1))
            #expect(clock.sleepers == 1, "it is asked after \(pause)")
            clock.advance(by: .milliseconds(1))
        }
        running.cancel()
        _ = await running.result
        return found
    }

    @Test func `it is asked every ten seconds, and every two while it is down`() async throws {
        let found = try await Self.standings(
            [
                .success(.healthServing), .failure(RPCError(.unavailable, "at 10.0.0.1")),
                .success(.healthServing),
            ],
            pauses: [.seconds(10), .seconds(2)])
        #expect(found.map(\.isServing) == [false, true, false, true])
        #expect(found[0].message == "It was not asked yet.")
        #expect(found[1].message.isEmpty && found[1].latency != nil)
        #expect(found[2].message == "Its health check fails with UNAVAILABLE.")
        #expect(found[2].latency == nil)
    }

    @Test func `only one that says so serves, or one that has no health check`() async throws {
        for (answer, isServing) in [
            (Health.success(.healthNotServing), false), (.success(.healthUnknown), false),
            (.success(.unrecognized(9)), false),
            (.failure(RPCError(.unimplemented, "no such method")), true),
            (.failure(RPCError(.unauthenticated, "who are you")), false),
        ] {
            let found = try await Self.standings([answer], pauses: [])
            #expect(found.last?.isServing == isServing)
            #expect(found.last?.message.isEmpty == isServing)
        }
    }

    @Test func `the neighbours themselves are asked`() async throws {
        let clock = ManualClock()
        var hub = FakeHub()
        hub.health = { .healthNotServing }
        try await Neighbourhood.with(FakeEngine(), hub) { neighbours in
            let monitors = [
                NeighbourMonitor(
                    neighbours.engine, clock: clock, metrics: neighbours.metrics, logger: .silent),
                NeighbourMonitor(
                    neighbours.hub, clock: clock, metrics: neighbours.metrics, logger: .silent),
            ]
            await withTaskGroup(of: Void.self) { group in
                for monitor in monitors { group.addTask { try? await monitor.run() } }
                await clock.waitForSleepers(2)
                group.cancelAll()
            }
            #expect(monitors.map(\.standing.isServing) == [true, false])
            #expect(monitors.map(\.standing.neighbour) == [.mcpEngine, .securityHub])
            let text = neighbours.metrics.exposition()
            #expect(text.contains("apus_neighbour_serving{component=\"mcp-engine\"} 1"))
            #expect(text.contains("apus_neighbour_serving{component=\"security-hub\"} 0"))
        }
    }
}
