import Testing

@testable import Events

@Suite struct WorkJournalTests {
    private func journal() -> WorkJournal {
        WorkJournal(
            handler: "sample", fence: 3, node: "node", position: Position(10),
            limits: .init(
                maxRuns: 3, maxAge: .milliseconds(50), gathering: .milliseconds(4)))
    }

    private func run(_ position: UInt64) -> HandlerRun {
        HandlerRun(
            event: SampleEvents.event(position), attempt: 1, outcome: .succeeded,
            startedAt: Timestamp(seconds: 0, nanoseconds: 0), duration: .zero)
    }

    @Test func `nothing done is nothing to commit`() {
        var journal = journal()
        #expect(journal.pending == nil)
        journal.passed(Position(10))
        #expect(journal.pending == nil)
    }

    @Test func `quick runs are committed many at once`() {
        var journal = journal()
        journal.begin(now: .zero)
        expect(journal.add(run(11), now: .zero), false)
        expect(journal.add(run(12), now: .zero), false)
        expect(journal.add(run(15), now: .zero), true)
        #expect(journal.pending?.from == Position(10))
        #expect(journal.pending?.through == Position(15))
        #expect(journal.pending?.runs.count == 3)
    }

    @Test func `a slow run is committed at once`() {
        var journal = journal()
        journal.begin(now: .zero)
        expect(journal.add(run(11), now: .milliseconds(50)), true)
    }

    @Test func `the cursor passes what the handler does not want`() {
        var journal = journal()
        journal.passed(Position(500))
        #expect(journal.pending?.through == Position(500))
        journal.committed()
        #expect(journal.pending == nil)
        #expect(journal.stored == Position(500))
    }

    @Test func `a small page is followed by time to gather the next`() {
        var journal = journal()
        journal.begin(now: .milliseconds(100))
        _ = journal.add(run(11), now: .milliseconds(101))
        journal.committed()
        #expect(journal.nextLook(after: 2) == .milliseconds(104))
    }

    @Test func `behind a page that fills a commit there is more at once`() {
        var journal = journal()
        journal.begin(now: .milliseconds(100))
        for position in 11...13 { _ = journal.add(run(UInt64(position)), now: .milliseconds(100)) }
        journal.committed()
        #expect(journal.nextLook(after: 3) == nil)
    }
}
