import Testing

@testable import GRPC

@Suite struct RetryStateTests {
    private let policy = RetryPolicy(
        maxAttempts: 4, firstBackOff: .milliseconds(100), maxBackOff: .milliseconds(300),
        multiplier: 2, codes: [.unavailable])

    private func fail(
        _ state: inout RetryState, _ tokens: inout RetryTokens,
        code: RPCStatusCode = .unavailable, reach: RetryState.Reach = .server,
        pushback: RetryState.Pushback? = nil, policy: RetryPolicy?
    ) -> RetryState.Decision {
        state.failed(
            code, reach: reach, pushback: pushback, policy: { policy }, tokens: &tokens, spread: 0)
    }

    private var plenty: RetryTokens { RetryTokens(RetryBudget(maxTokens: 1_000)) }

    @Test func `attempts end at the most, with growing waits between`() {
        var (state, tokens) = (RetryState(), plenty)
        var decisions: [RetryState.Decision] = []
        for _ in 0..<4 { decisions.append(fail(&state, &tokens, policy: policy)) }
        #expect(
            decisions == [
                .after(.milliseconds(100)), .after(.milliseconds(200)), .after(.milliseconds(300)),
                .giveUp,
            ])
        #expect(state.repeats == 3)
    }

    @Test func `waits are spread by a fifth`() {
        for spread in [-1.0, 1.0] {
            var (state, tokens) = (RetryState(), plenty)
            let decision = state.failed(
                .unavailable, reach: .server, pushback: nil, policy: { policy }, tokens: &tokens,
                spread: spread)
            #expect(decision == .after(.milliseconds(100) * (1 + spread / 5)))
        }
    }

    @Test func `nobody gets more than five attempts`() {
        var (state, tokens) = (RetryState(), plenty)
        var many = policy
        many.maxAttempts = 50
        for _ in 0..<4 {
            let decision = fail(&state, &tokens, policy: many)
            #expect(decision != .giveUp)
        }
        let fifth = fail(&state, &tokens, policy: many)
        #expect(fifth == .giveUp)
    }

    @Test func `without a policy, with another code, or once the answer began, it is final`() {
        var (state, tokens) = (RetryState(), plenty)
        let none = fail(&state, &tokens, policy: nil)
        let other = fail(&state, &tokens, code: .notFound, policy: policy)
        state.commit()
        let late = fail(&state, &tokens, policy: policy)
        let unseen = fail(&state, &tokens, reach: .here, policy: policy)
        #expect([none, other, late, unseen].allSatisfy { $0 == .giveUp })
    }

    @Test func `what never left goes again at once, what was refused only once`() {
        var (state, tokens) = (RetryState(), plenty)
        for _ in 0..<RetryState.mostUnsent {
            let decision = fail(&state, &tokens, reach: .here, policy: nil)
            #expect(decision == .now)
        }
        let (first, second) = (
            fail(&state, &tokens, reach: .refused, policy: nil),
            fail(&state, &tokens, reach: .refused, policy: nil)
        )
        #expect(first == .now)
        #expect(second == .giveUp)
        #expect(state.repeats == 0, "no server's code has seen it")
        #expect(tokens.count == 1_000)
    }

    @Test func `what was refused twice goes by the policy`() {
        var (state, tokens) = (RetryState(), plenty)
        _ = fail(&state, &tokens, reach: .refused, policy: policy)
        let second = fail(&state, &tokens, reach: .refused, policy: policy)
        #expect(second == .after(.milliseconds(100)))
    }

    @Test func `the server says when, and then the waits begin anew`() {
        var (state, tokens) = (RetryState(), plenty)
        _ = fail(&state, &tokens, policy: policy)
        let told = fail(&state, &tokens, pushback: .after(.seconds(3)), policy: policy)
        #expect(told == .after(.seconds(3)))
        let then = fail(&state, &tokens, policy: policy)
        #expect(then == .after(.milliseconds(100)))
    }

    @Test func `the server says never, in a negative number or one that is none`() {
        #expect(RetryState.Pushback("0") == .after(.zero))
        #expect(RetryState.Pushback("250") == .after(.milliseconds(250)))
        for text in ["-1", "", "soon", "99999999999", "1.5"] {
            #expect(RetryState.Pushback(text) == .never)
        }
        var (state, tokens) = (RetryState(), plenty)
        let decision = fail(&state, &tokens, pushback: .never, policy: policy)
        #expect(decision == .giveUp)
        #expect(tokens.count == 999)
    }

    @Test func `half of the tokens gone is the end of retries until successes bring them back`() {
        var tokens = RetryTokens(RetryBudget(maxTokens: 10, tokenRatio: 0.5))
        var granted = 0
        for _ in 0..<20 {
            var state = RetryState()
            if fail(&state, &tokens, policy: policy) != .giveUp { granted += 1 }
        }
        #expect(granted == 4)
        #expect(tokens.count == 0)
        for _ in 0..<13 { tokens.succeeded() }
        var state = RetryState()
        let decision = fail(&state, &tokens, policy: policy)
        #expect(decision == .after(.milliseconds(100)))
        for _ in 0..<100 { tokens.succeeded() }
        #expect(tokens.count == 10)
    }
}

@Suite struct ReplayBufferTests {
    @Test func `what was put in comes out in order, as often as it is asked for`() {
        var buffer = ReplayBuffer()
        for number: UInt8 in 0..<5 { buffer.append(FramedMessage([number, number])) }
        #expect(buffer.bytes == 10)
        for _ in 0..<2 {
            var all: [[UInt8]] = []
            buffer.visit { all.append($0.bytes) }
            #expect(all == (0..<5).map { [$0, $0] })
        }
        buffer.removeAll()
        #expect(buffer.bytes == 0)
        buffer.visit { _ in Issue.record("nothing is left") }
    }
}
