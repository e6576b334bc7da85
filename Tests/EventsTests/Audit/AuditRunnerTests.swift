import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct AuditRunnerTests {
    private let metrics = MetricsRegistry()
    private let sink = RecordingSink()
    private let clock = ManualClock()
    private let published = Lock<[AuditHead]>([])

    private func runner(_ trail: SampleTrail) -> AuditRunner {
        var configuration = AuditRunner.Configuration()
        configuration.publishInterval = .seconds(60)
        // Longer than any test's time: its renewal plays no part.
        configuration.leaseTime = .seconds(100_000)
        return AuditRunner(
            trail: trail, leases: OpenLeases(), node: "node", configuration: configuration,
            clock: clock, metrics: metrics, logger: Logger(label: "test", sink: sink),
            publish: { [published] head in
                published.withLock { $0.append(head) }
                trail.change { $0.logHead += 1 }
                return Position(trail.current.logHead)
            })
    }

    /// Runs beside `body`, which is told to look again by `nextLook`.
    private func running(
        _ trail: SampleTrail,
        _ body: @escaping @Sendable (@escaping () async -> Void) async throws -> Void
    ) async throws {
        let runner = runner(trail)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            try await body {
                for await _ in trail.looks { return }
            }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private func pass(_ seconds: Int) async {
        // The runner's look and the lease's renewal.
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(seconds))
    }

    @Test func `the trail follows the log, page by page`() async throws {
        let trail = SampleTrail(.init(logHead: 5_000))
        try await running(trail) { look in
            await look()
            #expect(trail.current.position == 5_000)
            trail.change { $0.logHead = 5_003 }
            // It may have looked once more in between.
            while trail.current.position < 5_003 {
                await pass(1)
                await look()
            }
        }
    }

    @Test func `behind a full page it rests for three times as long as that took`() async throws {
        let began = Lock<[Duration]>([])
        let start = clock.now
        let trail = SampleTrail(.init(logHead: 500)) { [clock] in
            began.withLock { $0.append(start.duration(to: clock.now)) }
            clock.advance(by: .milliseconds(10))
        }
        try await running(trail) { _ in
            while trail.current.position < 500 {
                await clock.waitForSleepers(2)
                clock.advance(by: .milliseconds(1))
            }
            #expect(
                began.withLock { $0 } == [.zero, .milliseconds(40), .milliseconds(80)])
        }
    }

    @Test func `a missing event stops it, which is an error once, and it goes on`() async throws {
        let trail = SampleTrail(.init(logHead: 9, missing: 4))
        try await running(trail) { look in
            await look()
            for _ in 0..<8 {
                await pass(1)
                await look()
            }
            #expect(trail.current.position == 3)
            trail.change { $0.missing = nil }
            await pass(1)
            await look()
            #expect(trail.current.position == 9)
        }
        let errors = sink.records.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(sink.messages.contains("The audit trail goes on"))
    }

    @Test func `its end is published when it is due, and not for its own event`() async throws {
        let trail = SampleTrail(.init(logHead: 7, publishedBefore: .seconds(50)))
        try await running(trail) { look in
            await look()
            #expect(published.withLock { $0.isEmpty })
            await pass(10)
            await look()
            await pass(60)
            await look()
            await pass(1)
            await look()
            #expect(published.withLock { $0.map(\.position) } == [Position(7)])
            trail.change { $0.logHead = 20 }
            await pass(60)
            await look()
            await pass(1)
            await look()
            #expect(published.withLock { $0.map(\.position) } == [Position(7), Position(20)])
        }
    }

    @Test func `a runner that drains ends by itself`() async throws {
        let runner = runner(SampleTrail(.init(logHead: 3)))
        runner.drain()
        try await runner.run()
    }
}
