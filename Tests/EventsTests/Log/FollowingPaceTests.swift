import Testing

@testable import Events

@Suite struct FollowingPaceTests {
    private func milliseconds(_ count: Int) -> Duration { .milliseconds(count) }

    @Test func `behind a page with more to come it rests for three times as long as that took`() {
        var pace = FollowingPace(gathering: .milliseconds(100))
        #expect(
            pace.rest(after: 200, isLast: false, began: .seconds(1), now: .milliseconds(1_004))
                == .milliseconds(12))
        #expect(
            pace.rest(after: 200, isLast: false, began: .seconds(2), now: .seconds(9))
                == .seconds(1))
    }

    @Test(arguments: [(10, 100), (1_000, 100), (5_000, 20), (20_000, 6)])
    func `it gathers a hundred events, or for as long as it may`(
        rate: Int, milliseconds: Int
    ) {
        var pace = FollowingPace(gathering: .milliseconds(100))
        var now: Duration = .zero
        var rest: Duration = .milliseconds(40)
        for _ in 0..<10 {
            let came = rest + .milliseconds(2)
            now += rest
            let count = Int(came / .milliseconds(1)) * rate / 1_000
            rest = pace.rest(
                after: count, isLast: true, began: now, now: now + .milliseconds(2))
            now += .milliseconds(2)
        }
        #expect(abs(rest / .milliseconds(1) - Double(milliseconds)) <= 3)
    }
}
