@testable import Events

/// Books in memory that tell of each commit; nothing else is asked of them.
struct SampleBooks: HandlerBooks {
    /// The positions handled in each transaction.
    let commits: AsyncStream<[UInt64]>
    private let commit: AsyncStream<[UInt64]>.Continuation

    init() { (commits, commit) = AsyncStream.makeStream() }

    func register(_ handlers: [HandlerDescription]) async throws {}

    func claim(_ handler: String, fence: Int64) async throws -> Position { .zero }

    func commit(_ work: HandlerWork) async throws {
        guard !work.runs.isEmpty else { return }
        commit.yield(work.runs.map(\.event.position.rawValue))
    }

    func progress() async throws -> [HandlerProgress] { [] }

    func standings(of events: [RecordedEvent]) async throws -> [EventStanding] { [] }

    func deliveries(at position: Position, limit: Int) async throws -> DeliveryHistory {
        DeliveryHistory(records: [], isTruncated: false)
    }

    func unfinished(_ query: UnfinishedQuery) async throws -> [Position] { [] }
}

/// A projection that wants nothing changed.
struct SampleProjection: Projection {
    let name = "sample"
    let types = [TypePattern("lead.*")].compactMap(\.self)

    func changes(for event: RecordedEvent) -> [ProjectionChange]? { [] }
}
