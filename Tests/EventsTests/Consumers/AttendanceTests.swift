import Telemetry
import TestSupport
import Testing

@testable import Events

/// Several consumers of one node, of which one is in trouble.
@Suite struct AttendanceTests {
    @Test(.timeLimit(.minutes(10)))
    func `a consumer whose books cannot be read keeps no other from its partitions`() async throws {
        let books = TroubledBooks { throw Self.away }
        try await running(Self.consumers(books)) {
            await books.hasTaken.wait()
        }
        #expect(books.takers.isSuperset(of: [2]))
    }

    @Test(.timeLimit(.minutes(10)))
    func `a consumer that takes its time holds up neither another nor the beat`() async throws {
        let books = TroubledBooks { try await Task.sleep(for: .seconds(3_600)) }
        try await running(Self.consumers(books)) {
            await books.hasTaken.wait()
            await books.hasBeaten.wait()
        }
        #expect(books.takers.isSuperset(of: [1, 2]))
        #expect(books.beats >= 3)
    }

    @Test(.timeLimit(.minutes(10)))
    func `a consumer that cannot hear remarks keeps no other from hearing its own`() async throws {
        let books = TroubledBooks {}
        books.remark()
        try await running(Self.consumers(books)) {
            await books.hasHeard.wait()
        }
        #expect(books.beats > 0)
    }

    static let away = EventsError.unavailable(
        .storeUnavailable, "away", retryAfter: .seconds(1))

    private static func consumers(_ books: TroubledBooks) -> Consumers {
        let log = ScriptedLog()
        var configuration = Consumers.Configuration()
        configuration.pollInterval = .milliseconds(1)
        return Consumers(
            books: books, log: log, tail: EventTail(log: log), node: "one",
            configuration: configuration, clock: ContinuousClock(), wallClock: SystemWallClock(),
            logger: .silent, tellOthers: {})
    }

    /// Runs two consumers with a member each beside `body`.
    private func running(
        _ consumers: Consumers, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        for number in 1...2 as ClosedRange<Int32> {
            let engine = try consumers.engine(
                for: .sample(number), ConsumerMetrics(MetricsRegistry(), .handlers))
            _ = try await engine.joinHere(
                concurrency: 1, window: 1, inbox: RunInbox(), told: { _ in })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await consumers.run() } catch is CancellationError {}
            }
            try await body()
            group.cancelAll()
        }
    }
}

/// In which the first consumer's partitions cannot be taken.
private final class TroubledBooks: SilentBooks {
    let hasTaken = Signal()
    let hasBeaten = Signal()
    let hasHeard = Signal()
    private let trouble: @Sendable () async throws -> Void
    private struct State {
        var beats = 0
        var takers: Set<Int32> = []
        var isRemarked = false
    }
    private let state = Lock(State())

    init(_ trouble: @escaping @Sendable () async throws -> Void) { self.trouble = trouble }

    var beats: Int { state.withLock { $0.beats } }
    var takers: Set<Int32> { state.withLock { $0.takers } }
    func remark() { state.withLock { $0.isRemarked = true } }

    func beat(_ node: String, for time: Duration, members: [ConsumerMembers]) async throws {
        let beats = state.withLock { state in
            state.beats += 1
            return state.beats
        }
        if beats >= 3 { hasBeaten.raise() }
    }

    /// The first is always in front.
    func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey] {
        let isRemarked = state.withLock { $0.isRemarked }
        return consumers.sorted().map { consumer in
            ConsumerSurvey(
                consumer: consumer, version: 1,
                holders: Array(repeating: nil, count: Partition.count),
                marks: Array(
                    repeating: PartitionMark(fence: 1, serial: 0), count: Partition.count),
                members: ["one": 1], hasRemarks: isRemarked)
        }
    }

    func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition] {
        state.withLock { _ = $0.takers.insert(consumer) }
        if consumer == 1 { try await trouble() } else { hasTaken.raise() }
        return []
    }

    func remarks(_ consumer: Int32, partitions: [Int]) async throws -> [Remark] {
        if consumer == 1 { throw AttendanceTests.away }
        return []
    }

    func revivals(
        _ consumer: Int32, partitions: [Int], within time: Duration, room: RevivalRoom
    ) async throws -> [Remark] {
        if consumer == 2 { hasHeard.raise() }
        return []
    }
}
