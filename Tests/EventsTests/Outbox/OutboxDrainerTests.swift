import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct OutboxDrainerTests {
    private let metrics = MetricsRegistry()
    private let sink = RecordingSink()

    private func drainer(_ outbox: SampleOutbox, _ clock: ManualClock) -> OutboxDrainer {
        OutboxDrainer(
            outbox: outbox, schemas: SampleCatalogue(), leases: OpenLeases(), node: "node",
            clock: clock,
            wallClock: StoppedClock(time: UnixTime(seconds: 1_700_000_010, nanoseconds: 0)),
            metrics: metrics, logger: Logger(label: "test", sink: sink))
    }

    /// Drains until the outbox was found empty.
    private func drain(_ outbox: SampleOutbox) async throws {
        let clock = ManualClock()
        let drainer = drainer(outbox, clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await drainer.run() }
            for await _ in outbox.looks { break }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private func value(_ name: String) -> Double? {
        metrics.exposition().split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.split(separator: " ")[1]) }
    }

    @Test func `what passes goes to the log, what does not to the rejects`() async throws {
        let outbox = SampleOutbox([
            .sample("a"), .sample("b", type: "no.such"), .sample("c"),
        ])
        try await drain(outbox)
        #expect(outbox.current.stored == ["a", "c"])
        #expect(
            outbox.current.rejected
                == ["b": OutboxRefusal(.invalid, "event.type: is not in the catalogue")])
        #expect(value("apus_outbox_drained_total") == 2)
        #expect(value("apus_outbox_rejected_total") == 1)
    }

    @Test func `a reject is an error in the log, without its data`() async throws {
        try await drain(SampleOutbox([.sample("secret", type: "no.such")]))
        let errors = sink.records.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(
            sink.messages.contains(
                "Events from the outbox were rejected; see apus.outbox_rejects"))
    }

    @Test func `an event that the store refuses takes no other with it`() async throws {
        let subjects = (0..<9).map { "s\($0)" }
        let outbox = SampleOutbox(subjects.map { .sample($0) }, poison: "s4")
        try await drain(outbox)
        #expect(outbox.current.stored == subjects.filter { $0 != "s4" })
        #expect(outbox.current.rejected == ["s4": OutboxRefusal(.refused, "SQLSTATE 22000")])
    }

    @Test func `a session that failed is followed by another`() async throws {
        let outbox = SampleOutbox([.sample("a")], failures: 3)
        let clock = ManualClock()
        let drainer = drainer(outbox, clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await drainer.run() }
            while outbox.current.sessions < 4 {
                await clock.waitForSleepers()
                clock.advance(by: .milliseconds(100))
                await Task.yield()
            }
            for await _ in outbox.looks { break }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
        #expect(outbox.current.stored == ["a"])
        #expect(outbox.current.sessions == 4)
    }

    @Test func `what waits is shown, and grows old, while no session can be had`() async throws {
        let outbox = SampleOutbox([.sample("a"), .sample("b")], failures: .max)
        let clock = ManualClock()
        let drainer = drainer(outbox, clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let isOver = Lock(false)
            group.addTask {
                try await drainer.run()
                isOver.withLock { $0 = true }
            }
            while !sink.messages.contains("The outbox cannot be drained") { await Task.yield() }
            #expect(value("apus_outbox_waiting_events") == 2)
            #expect(value("apus_outbox_oldest_seconds") == 3)
            outbox.change { $0.canCount = false }
            clock.advance(by: .seconds(600))
            #expect(value("apus_outbox_waiting_events") == 2)
            #expect(value("apus_outbox_oldest_seconds") == 603)
            drainer.drain()
            while !isOver.withLock({ $0 }) {
                clock.advance(by: .seconds(5))
                await Task.yield()
            }
            try await group.waitForAll()
        }
        #expect(value("apus_outbox_waiting_events") == 0)
        #expect(value("apus_outbox_oldest_seconds") == 0)
    }

    @Test func `a drainer that drains ends by itself`() async throws {
        let outbox = SampleOutbox([.sample("a")])
        let drainer = drainer(outbox, ManualClock())
        drainer.drain()
        try await drainer.run()
        #expect(outbox.current.stored.isEmpty)
    }
}
