import Testing

@testable import Telemetry

@Suite struct MonotonicTimeTests {
    private static let second = MonotonicTime.zero + .seconds(1)

    @Test func `durations are added and taken away, not below where the clock begins`() {
        #expect(Self.second + .milliseconds(3) == MonotonicTime(nanoseconds: 1_003_000_000))
        #expect(Self.second - .milliseconds(3) == MonotonicTime(nanoseconds: 997_000_000))
        #expect(Self.second - .seconds(2) == .zero)
        #expect(Self.second + .seconds(-1) == Self.second)
    }

    @Test func `from a later moment to an earlier one is no time`() {
        #expect(MonotonicTime.zero.duration(to: Self.second) == .seconds(1))
        #expect(Self.second.duration(to: .zero) == .zero)
    }

    @Test func `now is never earlier than it was`() {
        let before = MonotonicTime.now
        #expect(before > .zero)
        #expect(MonotonicTime.now >= before)
    }

    @Test func `durations become nanoseconds without overflow`() {
        #expect(Duration.milliseconds(3).wholeNanoseconds == 3_000_000)
        #expect(Duration.seconds(-1).wholeNanoseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == UInt64(Int64.max))
    }
}
