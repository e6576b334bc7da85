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

    @Test func `a batch is about a second's worth`() {
        #expect(Pace(perSecond: 0, now: .zero).batch(atMost: 200) == 200)
        #expect(Pace(perSecond: 7, now: .zero).batch(atMost: 200) == 7)
        #expect(Pace(perSecond: 9_000, now: .zero).batch(atMost: 200) == 200)
    }
}
