import Testing

@testable import Events

@Suite struct PaceTests {
    @Test func `no limit means no pause`() {
        var pace = Pace(perSecond: 0, now: .zero)
        for _ in 0..<10 { expect(pace.next(now: .zero), .zero) }
    }

    @Test func `events are spread evenly`() {
        var pace = Pace(perSecond: 4, now: .seconds(10))
        expect(pace.next(now: .seconds(10)), .zero)
        expect(pace.next(now: .seconds(10)), .milliseconds(250))
        expect(pace.next(now: .milliseconds(10_250)), .milliseconds(250))
        expect(pace.next(now: .seconds(12)), .zero)
    }

    @Test func `what was held up is not made up for`() {
        var pace = Pace(perSecond: 10, now: .zero)
        expect(pace.next(now: .zero), .zero)
        expect(pace.next(now: .seconds(300)), .zero)
        expect(pace.next(now: .seconds(300)), .milliseconds(100))
        expect(pace.next(now: .milliseconds(300_100)), .milliseconds(100))
    }

    @Test func `a wake-up that is a little late costs nothing`() {
        var pace = Pace(perSecond: 10, now: .zero)
        expect(pace.next(now: .zero), .zero)
        expect(pace.next(now: .milliseconds(130)), .zero)
        expect(pace.next(now: .milliseconds(130)), .milliseconds(70))
    }

    @Test func `a batch is about a second's worth`() {
        #expect(Pace(perSecond: 0, now: .zero).batch(atMost: 200) == 200)
        #expect(Pace(perSecond: 7, now: .zero).batch(atMost: 200) == 7)
        #expect(Pace(perSecond: 9_000, now: .zero).batch(atMost: 200) == 200)
    }
}
