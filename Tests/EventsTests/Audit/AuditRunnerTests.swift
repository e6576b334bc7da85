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

    private func value(_ name: String) -> Double? {
        metrics.exposition().split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.split(separator: " ")[1]) }
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
            clock.advance(by: .milliseconds(5))
        }
        try await running(trail) { _ in
            while trail.current.position < 500 {
                await clock.waitForSleepers(2)
                clock.advance(by: .milliseconds(1))
            }
            #expect(
                began.withLock { $0 } == [.zero, .milliseconds(20), .milliseconds(40)])
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

    @Test(
        arguments: [
            (EventsError(.broken, "42501"), 1.0),
            (.unavailable(.storeUnavailable, "away", retryAfter: .zero), 0),
        ])
    func `what was known stays while it fails, and what will not pass is a stop`(
        failure: EventsError, isStopped: Double
    ) async throws {
        let pages = Lock(0)
        let trail = SampleTrail(.init(logHead: 9)) { pages.withLock { $0 += 1 } }
        try await running(trail) { look in
            await look()
            trail.change { $0.failure = failure }
            while !sink.messages.contains("The audit trail cannot be written") {
                await clock.waitForSleepers()
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
            #expect(value("apus_audit_rows") == 9)
            #expect(value("apus_audit_stopped") == isStopped)
            trail.change { $0.failure = nil }
            // What comes after a page shows that the one before it was told of.
            let known = pages.withLock { $0 }
            while pages.withLock({ $0 }) < known + 2 {
                await clock.waitForSleepers()
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
            #expect(value("apus_audit_stopped") == 0)
        }
        #expect(value("apus_audit_rows") == 0)
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
