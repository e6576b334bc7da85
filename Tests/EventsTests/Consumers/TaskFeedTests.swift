import Testing

@testable import Events

@Suite struct TaskFeedTests {
    private struct Failure: Error {}

    @Test func `all that was begun is over in the end`() async throws {
        let feed = TaskFeed<Int>()
        feed.begin(1)
        feed.begin(2)
        feed.close()
        feed.begin(3)
        let (done, doing) = AsyncStream.makeStream(of: Int.self)
        try await feed.run { doing.yield($0) }
        doing.finish()
        #expect(await done.reduce(into: Set()) { $0.insert($1) } == [1, 2])
    }

    @Test(.timeLimit(.minutes(10)))
    func `what fails ends the rest`() async throws {
        let feed = TaskFeed<Bool>()
        feed.begin(false)
        feed.begin(true)
        await #expect(throws: Failure.self) {
            try await feed.run { fails in
                if fails { throw Failure() }
                // Until it is cancelled.
                try await Task.sleep(for: .seconds(600))
            }
        }
    }
}
