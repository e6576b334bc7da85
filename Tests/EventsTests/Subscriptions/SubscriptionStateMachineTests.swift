import Testing

@testable import Events

@Suite struct SubscriptionStateMachineTests {
    private func machine(
        after position: UInt64, head: UInt64, endsWhenCaughtUp: Bool = false
    ) -> SubscriptionStateMachine {
        SubscriptionStateMachine(
            after: Position(position), bounds: SampleEvents.bounds(head), heartbeat: .seconds(10),
            endsWhenCaughtUp: endsWhenCaughtUp, now: .zero)
    }

    @Test func `a start at the head is caught up at once`() {
        var machine = machine(after: 7, head: 7)
        expect(machine.next(now: .zero), .caughtUp(Position(7)))
        expect(machine.next(now: .zero), .checkpoint(Position(7)))
        expect(machine.next(now: .zero), .readTail(after: Position(7)))
        machine.tailEnded(known: Position(7))
        expect(machine.next(now: .zero), .wait(after: Position(7), until: .seconds(10)))
    }

    @Test func `history is read from the log where the tail does not reach`() {
        var machine = machine(after: 0, head: 500)
        expect(machine.next(now: .zero), .readTail(after: .zero))
        machine.tailIsAhead()
        expect(machine.next(now: .zero), .readLog(after: .zero))
        machine.scanned(through: Position(200), head: Position(500))
        expect(machine.next(now: .zero), .readTail(after: Position(200)))
    }

    @Test func `caught up comes once, when history turns into live`() {
        var machine = machine(after: 0, head: 5)
        machine.scanned(through: Position(5), head: Position(5))
        expect(machine.next(now: .zero), .caughtUp(Position(5)))
        expect(machine.next(now: .zero), .checkpoint(Position(5)))
        guard case .wait = machine.next(now: .zero) else {
            Issue.record("nothing is left")
            return
        }
        machine.scanned(through: Position(6), head: Position(6))
        guard case .wait = machine.next(now: .zero) else {
            Issue.record("caught up is told once")
            return
        }
    }

    @Test func `a tail that is behind the head of the opening does not count as caught up`() {
        var machine = machine(after: 3, head: 5)
        _ = machine.next(now: .zero)
        machine.tailEnded(known: Position(3))
        expect(machine.next(now: .zero), .readLog(after: Position(3)))
        machine.scanned(through: Position(5), head: Position(5))
        expect(machine.next(now: .zero), .caughtUp(Position(5)))
    }

    @Test func `a hint that turns out empty does not keep the log busy`() {
        var machine = machine(after: 3, head: 4)
        machine.tailEnded(known: Position(9))
        expect(machine.next(now: .zero), .readLog(after: Position(3)))
        machine.scanned(through: Position(4), head: Position(4))
        expect(machine.next(now: .zero), .readLog(after: Position(4)))
        machine.scanned(through: Position(4), head: Position(4))
        expect(machine.next(now: .zero), .caughtUp(Position(4)))
    }

    @Test func `a checkpoint comes in every interval, also while events flow`() {
        var machine = machine(after: 0, head: 1_000)
        machine.scanned(through: Position(10), head: Position(1_000))
        expect(machine.next(now: .seconds(9)), .readTail(after: Position(10)))
        machine.scanned(through: Position(20), head: Position(1_000))
        expect(machine.next(now: .seconds(10)), .checkpoint(Position(20)))
        expect(machine.next(now: .seconds(19)), .readTail(after: Position(20)))
        machine.scanned(through: Position(20), head: Position(1_000))
        expect(machine.next(now: .seconds(20)), .checkpoint(Position(20)))
    }

    @Test func `it ends at the head when asked to, with a checkpoint to go on from`() {
        var machine = machine(after: 0, head: 5, endsWhenCaughtUp: true)
        machine.scanned(through: Position(5), head: Position(5))
        expect(machine.next(now: .zero), .caughtUp(Position(5)))
        expect(machine.next(now: .zero), .checkpoint(Position(5)))
        expect(machine.next(now: .zero), .finish)
    }

    @Test func `draining tells the last position, then ends`() {
        var machine = machine(after: 0, head: 500)
        machine.scanned(through: Position(100), head: Position(500))
        expect(machine.next(now: .zero, draining: true), .checkpoint(Position(100)))
        expect(machine.next(now: .zero, draining: true), .drained)
    }

    @Test func `a live subscriber that falls behind reads the log again`() {
        var machine = machine(after: 7, head: 7)
        _ = machine.next(now: .zero)
        _ = machine.next(now: .zero)
        _ = machine.next(now: .zero)
        machine.tailIsAhead()
        expect(machine.next(now: .zero), .readLog(after: Position(7)))
        machine.scanned(through: Position(50), head: Position(90))
        expect(machine.next(now: .zero), .readTail(after: Position(50)))
    }

    @Test func `a wait moves the position on, past what did not match`() {
        var machine = machine(after: 7, head: 7)
        _ = machine.next(now: .zero)
        _ = machine.next(now: .zero)
        machine.tailEnded(known: Position(7))
        expect(machine.next(now: .zero), .wait(after: Position(7), until: .seconds(10)))
        machine.waited(through: Position(40))
        expect(machine.next(now: .seconds(10)), .checkpoint(Position(40)))
    }

    @Test func `another history goes on where it holds all that was handed over`() throws {
        var machine = machine(after: 5, head: 9)
        machine.sawOtherHistory()
        expect(machine.next(now: .zero), .readBounds)
        try machine.goOn(in: SampleEvents.bounds(6, epochs: (1, 0), (2, 5)))
        #expect(machine.epoch == 2)
        expect(machine.next(now: .zero), .readTail(after: Position(5)))
    }

    @Test func `another history that holds less ends it`() {
        var machine = machine(after: 5, head: 9)
        machine.sawOtherHistory()
        let error = #expect(throws: EventsError.self) {
            try machine.goOn(in: SampleEvents.bounds(20, epochs: (1, 0), (2, 4)))
        }
        #expect(error?.reason == .logDiverged)
    }
}
