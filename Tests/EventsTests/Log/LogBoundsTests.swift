import Testing

@testable import Events

@Suite struct LogBoundsTests {
    /// Restored twice: at 80 and at 100.
    private static let bounds = LogBounds(
        earliest: Position(11), head: Position(150),
        epochs: [
            LogEpoch(id: 1, openedAfter: .zero), LogEpoch(id: 2, openedAfter: Position(80)),
            LogEpoch(id: 3, openedAfter: Position(100)),
        ])

    @Test func `each later epoch may have gone back further than the one before`() {
        let bounds = SampleEvents.bounds(500, epochs: (1, 0), (2, 100), (3, 90))
        #expect(bounds.holds(Position(90), epoch: 1))
        #expect(!bounds.holds(Position(95), epoch: 1))
    }

    @Test(arguments: [
        (UInt64(10), UInt64(1), true), (80, 1, true), (81, 1, false), (100, 2, true),
        (101, 2, false), (150, 3, true), (151, 3, false), (10, 9, false),
    ])
    func `a cursor is good up to where the next epoch opened`(
        _ position: UInt64, _ epoch: UInt64, _ holds: Bool
    ) {
        #expect(Self.bounds.holds(Position(position), epoch: epoch) == holds)
    }

    @Test func `a starting point outside of the log says why`() {
        #expect(throws: Never.self) { try Self.bounds.check(after: Position(10)) }
        #expect(throws: Never.self) { try Self.bounds.check(after: Position(150)) }
        #expect(throws: EventsError.positionExpired(Self.bounds)) {
            try Self.bounds.check(after: Position(9))
        }
        #expect(throws: EventsError.positionBeyondHead(Self.bounds)) {
            try Self.bounds.check(after: Position(151))
        }
        // Diverged also after the new head has passed it.
        #expect(throws: EventsError.logDiverged(Self.bounds)) {
            try Self.bounds.check(after: Position(90), epoch: 1)
        }
    }

    @Test func `an empty log starts after zero`() {
        let empty = LogBounds(
            earliest: Position(1), head: .zero, epochs: [LogEpoch(id: 1, openedAfter: .zero)])
        #expect(throws: Never.self) { try empty.check(after: .zero, epoch: 1) }
    }
}
