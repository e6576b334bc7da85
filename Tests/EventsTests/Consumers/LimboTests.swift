import Telemetry
import TestSupport
import Testing

@testable import Events

/// Partitions that are a node's in the books, and that it does not hold.
@Suite struct LimboTests {
    @Test func `what was dropped is taken again, also when another node should have it`()
        async throws
    {
        let books = BooksOfHolder()
        let engine = Self.engine(books)
        // Two members: half of the partitions should be the other node's.
        let survey = ConsumerSurvey(
            consumer: 1, version: 1, holders: Array(repeating: "one", count: Partition.count),
            marks: Array(repeating: PartitionMark(fence: 1, serial: 0), count: Partition.count),
            members: ["one": 1, "two": 1], hasRemarks: false)
        try await engine.heed(survey, known: Array(repeating: nil, count: Partition.count))
        #expect(books.wanted == Array(0..<Partition.count))
    }

    @Test func `what was given back since the survey is not taken again`() async throws {
        let books = BooksOfHolder()
        let engine = Self.engine(books)
        let mark = PartitionMark(fence: 1, serial: 0)
        let survey = ConsumerSurvey(
            consumer: 1, version: 1, holders: Array(repeating: "one", count: Partition.count),
            marks: Array(repeating: mark, count: Partition.count),
            members: ["one": 1, "two": 1], hasRemarks: false)
        try await engine.heed(survey, known: Array(repeating: mark, count: Partition.count))
        #expect(books.wanted.count == Partition.count / 2)
    }

    @Test func `what is being taken while it drains is given back before it ends`() async throws {
        let books = BooksOfHolder(grants: true)
        let engine = Self.engine(books)
        let survey = ConsumerSurvey(
            consumer: 1, version: 1, holders: Array(repeating: nil, count: Partition.count),
            marks: Array(repeating: PartitionMark(fence: 1, serial: 0), count: Partition.count),
            members: ["one": 1], hasRemarks: false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await engine.heed(survey, known: Array(repeating: nil, count: Partition.count))
            }
            await books.isAsked()
            await engine.drain(grace: .seconds(1))
            // It looks whether anything is left.
            group.addTask { try await engine.run() }
            await Self.giveWay()
            books.grant()
            try await group.waitForAll()
        }
        #expect(books.released == Array(0..<Partition.count))
    }

    /// Lets tasks that can go on do so.
    private static func giveWay() async {
        for _ in 0..<100 { await Task.yield() }
    }

    private static func engine(_ books: BooksOfHolder) -> ConsumerEngine {
        ConsumerEngine(
            .sample(), .sample(books, ManualClock()),
            ConsumerMetrics(MetricsRegistry(), .handlers))
    }
}

/// Says which partitions it was asked for, and gives none, or all when it is told to.
private final class BooksOfHolder: SilentBooks {
    private let asked = Lock<[Int]>([])
    private let givenBack = Lock<[Int]>([])
    private let grants: Bool
    private let asking = Signal()
    private let granting = Signal()

    init(grants: Bool = false) { self.grants = grants }

    var wanted: [Int] { asked.withLock { $0.sorted() } }
    var released: [Int] { givenBack.withLock { $0.sorted() } }

    func isAsked() async { await asking.wait() }
    func grant() { granting.raise() }

    func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition] {
        asked.withLock { $0 += partitions }
        guard grants else { return [] }
        asking.raise()
        await granting.wait()
        return partitions.map { partition in
            TakenPartition(
                partition: partition, fence: 2, serial: 0, cursor: .zero, work: [], lanes: [])
        }
    }

    func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer {
        givenBack.withLock { $0 += batch.shares.filter(\.isReleased).map(\.partition) }
        return BatchAnswer()
    }
}
