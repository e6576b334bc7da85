import Testing

@testable import Events

@Suite struct FollowingPaceTests {
    @Test func `behind a page with more to come it rests for three times as long as that took`() {
        var pace = FollowingPace(gathering: .milliseconds(100))
        #expect(
            pace.rest(after: 200, left: 9_000, began: .seconds(1), now: .milliseconds(1_004))
                == .milliseconds(12))
        #expect(
            pace.rest(after: 200, left: 8_800, began: .seconds(2), now: .seconds(9))
                == .seconds(1))
    }

    @Test func `what a page waited for it rests once`() {
        var pace = FollowingPace(gathering: .milliseconds(100))
        #expect(
            pace.rest(after: 200, left: 9_000, began: .seconds(1), now: .milliseconds(1_010))
                == .milliseconds(21))
        #expect(
            pace.rest(after: 200, left: 9_000, began: .seconds(2), now: .milliseconds(2_030))
                == .milliseconds(49))
        #expect(
            pace.rest(after: 200, left: 9_000, began: .seconds(70), now: .milliseconds(70_030))
                == .milliseconds(30))
    }

    @Test func `while more comes it rests for seven times as long, for a minute`() {
        var pace = FollowingPace(gathering: .milliseconds(100))
        var left: UInt64 = 9_000
        var rests: [Duration] = []
        for second in 0..<120 {
            let began = Duration.seconds(second)
            rests.append(
                pace.rest(after: 200, left: left, began: began, now: began + .milliseconds(4)))
            left += second == 90 ? 0 : 1
        }
        #expect(rests[0] == .milliseconds(12))
        #expect(rests[1...59].allSatisfy { $0 == .milliseconds(28) })
        #expect(rests[60...].allSatisfy { $0 == .milliseconds(12) })
        // It had all, so that what comes now is another burst.
        _ = pace.rest(after: 200, left: 100, began: .seconds(120), now: .seconds(120))
        #expect(
            pace.rest(after: 200, left: 300, began: .seconds(121), now: .milliseconds(121_004))
                == .milliseconds(28))
    }

    @Test(arguments: [(10, 100), (1_000, 100), (5_000, 20), (20_000, 14)])
    func `it gathers so many events, or for as long as it may`(
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
                after: count, left: 3, began: now, now: now + .milliseconds(2))
            now += .milliseconds(2)
        }
        #expect(abs(rest / .milliseconds(1) - Double(milliseconds)) <= 3)
    }
}
