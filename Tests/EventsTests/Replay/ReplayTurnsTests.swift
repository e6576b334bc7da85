import Testing

@testable import Events

@Suite struct ReplayTurnsTests {
    private func replay(_ number: UInt64, _ tenant: String) -> WaitingReplay {
        WaitingReplay(id: id(number), tenant: TenantID(unchecked: tenant))
    }

    private func id(_ number: UInt64) -> EventID { EventID(high: 0x7000, low: number) }

    @Test func `room is filled with what came first`() {
        var turns = ReplayTurns()
        let waiting = (1...6).map { replay($0, "acme") }
        #expect(turns.begin(waiting, now: .zero) == (1...4).map(id))
        #expect(!turns.hasRoom)
        #expect(turns.begin(waiting, now: .zero) == [])
        turns.end(id(2))
        #expect(turns.hasRoom)
    }

    @Test func `a tenant's next replay waits for those of others`() {
        var turns = ReplayTurns()
        let waiting = (1...6).map { replay($0, "acme") } + [replay(7, "other"), replay(8, "third")]
        #expect(turns.begin(waiting, now: .zero) == [id(1), id(7), id(8), id(2)])
    }

    @Test func `a tenant with fewer that run comes first`() {
        var turns = ReplayTurns()
        let acme = (1...6).map { replay($0, "acme") }
        _ = turns.begin(acme, now: .zero)
        turns.end(id(1))
        #expect(turns.begin(acme + [replay(7, "other")], now: .zero) == [id(7)])
    }

    @Test func `of equals the one whose turn is the longest ago comes first`() {
        var turns = ReplayTurns()
        let waiting = (1...6).map { replay($0, "tenant-\($0)") }
        #expect(turns.begin(waiting, now: .zero) == (1...4).map(id))
        for number in 1...4 { turns.end(id(UInt64(number))) }
        #expect(turns.begin(waiting, now: .zero) == [5, 6, 1, 2].map(id))
    }

    @Test func `a tenant's replays take turns too`() {
        var turns = ReplayTurns()
        let waiting = (1...6).map { replay($0, "acme") }
        _ = turns.begin(waiting, now: .zero)
        turns.end(id(1))
        #expect(turns.begin(waiting, now: .zero) == [id(5)])
        turns.end(id(2))
        #expect(turns.begin(waiting, now: .zero) == [id(6)])
        turns.end(id(3))
        #expect(turns.begin(waiting, now: .zero) == [id(1)])
    }

    @Test func `what waits no more is forgotten`() {
        var turns = ReplayTurns()
        let waiting = (1...4).map { replay($0, "acme") }
        _ = turns.begin(waiting, now: .zero)
        for number in 1...4 { turns.end(id(UInt64(number))) }
        #expect(turns.begin([], now: .zero) == [])
        let all = [replay(5, "acme")] + waiting
        #expect(turns.begin(all, now: .zero) == [5, 1, 2, 3].map(id))
    }

    @Test func `the tenant with the most that run gives way, once its turn is over`() {
        var turns = ReplayTurns()
        let acme = (1...4).map { replay($0, "acme") }
        #expect(turns.begin(acme, now: .seconds(1)) == (1...4).map(id))
        let all = acme + [replay(5, "other")]
        #expect(turns.giveWay(to: all, now: .seconds(10)) == [])
        #expect(turns.giveWay(to: all, now: .seconds(11)) == [id(1)])
        #expect(turns.giveWay(to: all, now: .seconds(11)) == [])
        turns.end(id(1))
        #expect(turns.begin(all, now: .seconds(11)) == [id(5)])
    }

    @Test func `a tenant's own replays give way to each other`() {
        var turns = ReplayTurns()
        let waiting = (1...6).map { replay($0, "acme") }
        _ = turns.begin(waiting, now: .zero)
        #expect(turns.giveWay(to: waiting, now: .seconds(10)) == [id(1), id(2)])
        turns.end(id(1))
        turns.end(id(2))
        #expect(turns.begin(waiting, now: .seconds(10)) == [id(5), id(6)])
        #expect(turns.giveWay(to: waiting, now: .seconds(19)) == [id(3), id(4)])
    }

    @Test func `nothing gives way to what would come after it`() {
        var turns = ReplayTurns()
        let waiting = [
            replay(1, "acme"), replay(2, "acme"), replay(3, "other"), replay(4, "third"),
        ]
        #expect(turns.begin(waiting, now: .zero) == [1, 3, 4, 2].map(id))
        turns.end(id(2))
        turns.end(id(1))
        let late = waiting + [replay(5, "acme")]
        #expect(turns.begin(late, now: .seconds(9)) == [id(5), id(1)])
        // Of acme two run that began just now, of the others one each.
        #expect(turns.giveWay(to: late, now: .seconds(10)) == [])
        #expect(turns.giveWay(to: waiting, now: .seconds(10)) == [])
    }

    @Test func `while there is room nothing gives way`() {
        var turns = ReplayTurns()
        let waiting = (1...4).map { replay($0, "acme") }
        _ = turns.begin(waiting, now: .zero)
        #expect(turns.giveWay(to: waiting, now: .seconds(60)) == [])
        turns.end(id(1))
        #expect(turns.giveWay(to: waiting, now: .seconds(60)) == [])
    }
}
