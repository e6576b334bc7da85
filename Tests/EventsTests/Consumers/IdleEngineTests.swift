import Telemetry
import TestSupport
import Testing

@testable import Events

/// Groups that nobody is a member of any more.
@Suite struct IdleEngineTests {
    private let clock = ManualClock()
    private let books = BeatenBooks()

    @Test(.timeLimit(.minutes(10)))
    func `a group that has had no member for long costs nothing`() async throws {
        try await running { consumers in
            let engine = try Self.engine(1, consumers)
            let member = try await engine.join(Self.request)
            await pass(.seconds(60))
            #expect(consumers.engine(of: 1) === engine)
            await engine.leave(member)
            let before = clock.now.offset
            while consumers.engine(of: 1) != nil { await pass(.seconds(1)) }
            #expect(clock.now.offset - before >= .seconds(30))
            let other = try Self.engine(1, consumers)
            #expect(other !== engine)
            _ = try await other.join(Self.request)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a group that nobody came to costs nothing`() async throws {
        try await running { consumers in
            _ = try Self.engine(1, consumers)
            while consumers.engine(of: 1) != nil { await pass(.seconds(1)) }
            #expect(clock.now.offset >= .seconds(30))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `many consumers are surveyed some at a time`() async throws {
        try await running { consumers in
            for number in 1...300 as ClosedRange<Int32> { _ = try Self.engine(number, consumers) }
            consumers.tellAll()
            while books.surveyed.count < 300 { await pass(.seconds(1)) }
            #expect(books.largest <= 256)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `hints that come close together cause one look`() async throws {
        try await running { consumers in
            let engine = try Self.engine(1, consumers)
            _ = try await engine.join(Self.request)
            consumers.tellAll()
            while books.looks == 0 { await pass(.zero) }
            await pass(.zero)
            let before = books.looks
            // No time passes.
            for _ in 0..<200 {
                consumers.lookAgain()
                await pass(.zero)
            }
            #expect(books.looks <= before + 2)
            while books.looks < before + 2 { await pass(.milliseconds(10)) }
        }
    }

    private static let request = MembershipRequest(
        group: GroupName(unchecked: "mail"), tenant: TenantID(unchecked: "acme"))

    private static func engine(_ number: Int32, _ consumers: Consumers) throws -> ConsumerEngine {
        try consumers.engine(
            for: .sample(number, ackDeadline: .seconds(30)),
            ConsumerMetrics(MetricsRegistry(), .groups))
    }

    /// Time passes, and whoever waited for it goes on.
    private func pass(_ time: Duration) async {
        clock.advance(by: time)
        for _ in 0..<50 { await Task.yield() }
    }

    private func running(
        _ body: @escaping @Sendable (Consumers) async throws -> Void
    ) async throws {
        let log = ScriptedLog()
        let consumers = Consumers(
            books: books, log: log, tail: EventTail(log: log, clock: clock), node: "one",
            configuration: Consumers.Configuration(), clock: clock, wallClock: clock.wall,
            logger: .silent, tellOthers: {})
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await consumers.run() } catch is CancellationError {}
            }
            try await body(consumers)
            group.cancelAll()
        }
    }
}

/// Notes what it is asked.
private final class BeatenBooks: SilentBooks {
    private let asked = Lock<[[Int32]]>([])

    var surveyed: Set<Int32> { asked.withLock { Set($0.joined()) } }
    var looks: Int { asked.withLock { $0.count } }
    var largest: Int { asked.withLock { $0.map(\.count).max() ?? 0 } }

    func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey] {
        asked.withLock { $0.append(consumers) }
        return []
    }
}
