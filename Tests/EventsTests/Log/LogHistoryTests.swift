import Testing

@testable import Events

@Suite struct LogHistoryTests {
    @Test func `the first that is heard of is the history to follow`() {
        var history = LogHistory()
        expect(history.learn(SampleEvents.bounds(7, epochs: (1, 0), (2, 3))), .same)
        #expect(history.epoch == 2)
        #expect(history.head == Position(7))
    }

    @Test func `an epoch that was not known is another history`() {
        var history = LogHistory()
        _ = history.learn(SampleEvents.bounds(7))
        expect(history.learn(SampleEvents.bounds(4, epochs: (1, 0), (2, 4))), .changed)
        #expect(history.head == Position(4))
        expect(history.learn(SampleEvents.bounds(5, epochs: (1, 0), (3, 4))), .changed)
    }

    @Test func `what an earlier epoch says is stale`() {
        var history = LogHistory()
        _ = history.learn(SampleEvents.bounds(7, epochs: (1, 0), (2, 4)))
        expect(history.learn(SampleEvents.bounds(9)), .stale)
        #expect(history.epoch == 2)
        #expect(history.head == Position(7))
    }

    @Test func `the head never goes back within an epoch`() {
        var history = LogHistory()
        _ = history.learn(SampleEvents.bounds(7))
        history.stored(through: Position(9))
        expect(history.learn(SampleEvents.bounds(8)), .same)
        #expect(history.head == Position(9))
    }
}
