import Events
import Telemetry
import Testing

@testable import PostgresLog

@Suite struct RetentionDecisionTests {
    private static let now = UnixTime(seconds: 1_700_000_000)

    /// Three full partitions of ten, ended 30, 20 and 10 minutes ago, and one with room left; each
    /// of 100 bytes.
    private static let partitions = (0..<4).map { index in
        let age = Duration.seconds(60 * (30 - 10 * index))
        return RetentionDecision.Partition(
            first: Position(UInt64(index) * 10 + 1), last: Position(UInt64(index) * 10 + 10),
            endedAt: index < 3 ? Timestamp(now.advanced(by: .zero - age)) : nil, bytes: 100)
    }

    private static func decide(_ change: (inout RetentionPolicy) -> Void) -> RetentionDecision {
        var policy = RetentionPolicy()
        change(&policy)
        return RetentionDecision(policy, partitions, now: now)
    }

    @Test func `without a limit nothing goes`() {
        #expect(Self.decide { _ in }.wanted == .zero)
    }

    @Test func `by age those go whose last event is older`() {
        #expect(Self.decide { $0.age = .seconds(3_600) }.wanted == .zero)
        #expect(Self.decide { $0.age = .seconds(15 * 60) }.wanted == Position(20))
        // Not at the very age.
        #expect(Self.decide { $0.age = .seconds(20 * 60) }.wanted == Position(10))
    }

    @Test func `by size the oldest go until the rest fits`() {
        #expect(Self.decide { $0.bytes = 400 }.wanted == .zero)
        #expect(Self.decide { $0.bytes = 399 }.wanted == Position(10))
        #expect(Self.decide { $0.bytes = 250 }.wanted == Position(20))
    }

    @Test func `a partition with room left never goes`() {
        #expect(Self.decide { $0.bytes = 1 }.wanted == Position(30))
        #expect(Self.decide { $0.age = .zero }.wanted == Position(30))
    }

    @Test func `the limit that drops more wins`() {
        let decision = Self.decide {
            $0.age = .seconds(25 * 60)
            $0.bytes = 100
        }
        #expect(decision.wanted == Position(30))
    }

    @Test func `a consumer holds the partition that it needs and all after it`() {
        let decision = Self.decide { $0.age = .zero }
        #expect(decision.through(floor: nil, Self.partitions) == Position(30))
        #expect(decision.through(floor: Position(30), Self.partitions) == Position(30))
        #expect(decision.through(floor: Position(29), Self.partitions) == Position(20))
        #expect(decision.through(floor: Position(9), Self.partitions) == .zero)
        #expect(decision.through(floor: .zero, Self.partitions) == .zero)
    }

    @Test func `a hard limit waits for no consumer`() {
        let decision = Self.decide {
            $0.age = .zero
            $0.hardBytes = 300
        }
        #expect(decision.wanted == Position(30))
        #expect(decision.forced == Position(10))
        #expect(decision.through(floor: .zero, Self.partitions) == Position(10))
        #expect(decision.through(floor: Position(20), Self.partitions) == Position(20))
    }
}
