import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct PayloadWriterTests {
    private let log = ScriptedLog()
    private let clock = ManualClock()
    private let tail: EventTail
    private let sink = RecordingSink()
    private let metrics = MetricsRegistry()

    init() {
        tail = EventTail(log: log, clock: clock)
    }

    private func writer(_ table: SampleTable) -> PayloadWriter {
        var configuration = PayloadWriter.Configuration()
        // Longer than any test's time: its renewal plays no part.
        configuration.leaseTime = .seconds(100_000)
        return PayloadWriter(
            table: table, subscriptions: Subscriptions(log: log, tail: tail),
            leases: OpenLeases(), node: "node", configuration: configuration, clock: clock,
            metrics: metrics, logger: Logger(label: "test", sink: sink),
            json: { $0.subject == "none" ? nil : "\($0.position)" })
    }

    private func running(
        _ writer: PayloadWriter, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withLive(tail, clock, beside: [{ try await writer.run() }], body)
    }

    private func publish(_ events: [RecordedEvent]) {
        log.store(events)
        tail.committed(events)
    }

    @Test func `history, then what comes, is written in order and without a gap`() async throws {
        log.store(SampleEvents.events(1...2_500))
        let table = SampleTable()
        try await running(writer(table)) {
            await table.wait(for: 2_500)
            publish(SampleEvents.events(2_501...2_503))
            await table.wait(for: 2_503)
        }
        #expect(table.rows.map(\.position.rawValue) == Array(1...2_503))
        #expect(table.rows.allSatisfy { $0.json == "\($0.position)" })
        #expect(table.pages.allSatisfy { $0 <= FollowingPace.pageEvents })
    }

    @Test func `it goes on where the table ends`() async throws {
        log.store(SampleEvents.events(1...9))
        let table = SampleTable(after: 6)
        try await running(writer(table)) { await table.wait(for: 9) }
        #expect(table.rows.map(\.position.rawValue) == [7, 8, 9])
    }

    @Test func `a payload without JSON is written as none and holds up nothing`() async throws {
        log.store([
            SampleEvents.event(1), SampleEvents.event(2, subject: "none"), SampleEvents.event(3),
        ])
        let table = SampleTable()
        try await running(writer(table)) { await table.wait(for: 3) }
        #expect(table.rows.map(\.json) == ["1", nil, "3"])
    }

    @Test func `after a failure it claims the table again and leaves nothing out`() async throws {
        log.store(SampleEvents.events(1...3))
        let table = SampleTable(failures: 2)
        try await running(writer(table)) { await table.wait(for: 3) }
        #expect(table.rows.map(\.position.rawValue) == [1, 2, 3])
        #expect(sink.messages.contains("Payloads cannot be written"))
    }

    @Test func `while nothing can be written the lag grows with the log`() async throws {
        log.store(SampleEvents.events(1...3))
        let table = SampleTable(failures: .max)
        try await running(writer(table)) {
            while !sink.messages.contains("Payloads cannot be written") { await Task.yield() }
            #expect(metrics.exposition().contains("apus_payload_lag_events 3\n"))
            publish(SampleEvents.events(4...7))
            #expect(metrics.exposition().contains("apus_payload_lag_events 7\n"))
        }
        #expect(metrics.exposition().contains("apus_payload_lag_events 0\n"))
    }

    @Test func `whoever lost the table to another claims it anew`() async throws {
        log.store(SampleEvents.events(1...3))
        let table = SampleTable(failures: 1, error: BooksError.fenced)
        try await running(writer(table)) { await table.wait(for: 3) }
        #expect(sink.messages.contains("Payloads are written by another node by now"))
    }

    @Test func `a writer that drains ends by itself`() async throws {
        let writer = writer(SampleTable())
        writer.drain()
        try await writer.run()
    }
}

/// A table of payloads in memory.
private final class SampleTable: PayloadTable {
    private struct State {
        var rows: [PayloadRow] = []
        var pages: [Int] = []
        var end: Position
        var failures: Int
    }

    private let state: Lock<State>
    private let error: any Error
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    init(
        after position: UInt64 = 0, failures: Int = 0,
        error: any Error = EventsError.unavailable(
            .storeUnavailable, "away", retryAfter: .seconds(1))
    ) {
        state = Lock(State(end: Position(position), failures: failures))
        self.error = error
        (changes, changed) = AsyncStream.makeStream()
    }

    var rows: [PayloadRow] { state.withLock { $0.rows } }
    var pages: [Int] { state.withLock { $0.pages } }

    func wait(for position: UInt64) async {
        for await _ in changes where state.withLock({ $0.end.rawValue >= position }) { return }
    }

    func claim(fence: Int64) async throws -> Position {
        state.withLock { $0.end }
    }

    func keep(_ payloads: [PayloadRow], after: Position, fence: Int64) async throws -> UInt64 {
        try state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                throw error
            }
            guard after == state.end else { throw BooksError.fenced }
            state.rows += payloads
            state.pages.append(payloads.count)
            state.end = payloads.last?.position ?? state.end
        }
        changed.yield()
        return 0
    }
}
