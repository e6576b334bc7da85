import TestSupport
import Testing

@testable import Events

@Suite struct RetryPolicyTests {
    private func pause(
        _ policy: RetryPolicy, after attempt: Int, age: Duration = .zero,
        retryAfter: Duration? = nil, seed: UInt64 = 1
    ) -> Duration? {
        var random = SeededGenerator(seed: seed)
        return policy.pause(
            after: attempt, age: age, retryAfter: retryAfter, random: &random)
    }

    @Test func `pauses are a random part of what doubles up to its limit`() {
        let policy = RetryPolicy(
            maxAttempts: 1_000, firstDelay: .seconds(1), maxDelay: .seconds(60),
            maxAge: .seconds(1_000_000))
        for (attempt, bound) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (900, 60)] {
            var longest = Duration.zero
            var shortest = Duration.seconds(bound)
            for seed in 1...200 {
                guard let pause = pause(policy, after: attempt, seed: UInt64(seed)) else {
                    Issue.record("no pause after attempt \(attempt)")
                    return
                }
                longest = max(longest, pause)
                shortest = min(shortest, pause)
            }
            #expect(longest <= .seconds(bound) && longest > .seconds(bound) * 0.9)
            #expect(shortest < .seconds(bound) * 0.1)
        }
    }

    @Test func `the last attempt and old events are not followed by another`() {
        let policy = RetryPolicy(maxAttempts: 3, maxAge: .seconds(60))
        #expect(pause(policy, after: 2) != nil)
        #expect(pause(policy, after: 3) == nil)
        #expect(pause(policy, after: 1, age: .seconds(60)) == nil)
        #expect(pause(policy, after: 1, age: .seconds(30), retryAfter: .seconds(31)) == nil)
    }

    @Test func `what the handler asks for comes first`() {
        let policy = RetryPolicy(maxAge: .seconds(1_000_000))
        #expect(pause(policy, after: 1, retryAfter: .seconds(90)) == .seconds(90))
        #expect(pause(policy, after: 1, retryAfter: .seconds(90_000)) == .seconds(43_200))
    }
}
