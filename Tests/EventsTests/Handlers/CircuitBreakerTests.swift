import Testing

@testable import Events

@Suite struct CircuitBreakerTests {
    private let failure = CircuitBreaker.Outcome.failed(target: nil, isRefused: false)

    private func breaker(failures: Int, at now: Duration = .zero) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<failures { breaker.note(failure, now: now) }
        return breaker
    }

    @Test func `a circuit opens after five failures in a row`() {
        var breaker = breaker(failures: 4)
        expect(breaker.allowance(now: .zero), .all)
        breaker.note(failure, now: .zero)
        expect(breaker.allowance(now: .zero), .none)
        #expect(breaker.broken(isAwaited: true) == [""])
        expect(breaker.allowance(now: .seconds(1)), .one)
    }

    @Test func `a run that ends well begins the count anew`() {
        var breaker = breaker(failures: 4)
        breaker.note(.answered(by: nil), now: .zero)
        for _ in 0..<4 { breaker.note(failure, now: .zero) }
        expect(breaker.allowance(now: .zero), .all)
    }

    @Test func `what is unknown says nothing`() {
        var breaker = breaker(failures: 4)
        breaker.note(.unknown, now: .zero)
        breaker.note(failure, now: .zero)
        expect(breaker.allowance(now: .zero), .none)
    }

    @Test func `after the pause one run may try, and closes the circuit`() {
        var breaker = breaker(failures: 5)
        expect(breaker.allowance(now: .milliseconds(999)), .none)
        expect(breaker.allowance(now: .seconds(1)), .one)
        expect(breaker.allowance(now: .seconds(9)), .one)
        breaker.note(.answered(by: nil), now: .seconds(9))
        expect(breaker.allowance(now: .seconds(9)), .all)
        #expect(breaker.isClosed)
    }

    @Test func `a try that asked for nothing leaves it to the next one`() {
        var breaker = breaker(failures: 5)
        for _ in 0..<3 {
            expect(breaker.allowance(now: .seconds(1)), .one)
            breaker.note(.unknown, now: .seconds(1))
        }
        expect(breaker.allowance(now: .seconds(1)), .one)
        breaker.note(failure, now: .seconds(1))
        expect(breaker.allowance(now: .milliseconds(2_999)), .none)
        expect(breaker.allowance(now: .seconds(3)), .one)
    }

    @Test func `an answer closes its target's circuit and the handler's, and no other`() {
        var breaker = breaker(failures: 5)
        for target in ["a", "b"] {
            breaker.note(.failed(target: target, isRefused: true), now: .zero)
        }
        expect(breaker.allowance(now: .seconds(1)), .one)
        breaker.note(.answered(by: "b"), now: .seconds(1))
        expect(breaker.allowance(now: .seconds(1)), .one)
        #expect(breaker.broken(isAwaited: true) == ["a"])
        breaker.note(.answered(by: "a"), now: .seconds(1))
        #expect(breaker.isClosed)
    }

    @Test func `one that may be tried counts while something is to run`() {
        var breaker = breaker(failures: 5)
        #expect(breaker.broken(isAwaited: false) == [""])
        expect(breaker.allowance(now: .seconds(1)), .one)
        #expect(breaker.broken(isAwaited: false).isEmpty)
        #expect(breaker.broken(isAwaited: true) == [""])
        #expect(!breaker.isClosed)
    }

    @Test func `a try that fails opens it for twice as long, up to a minute`() {
        var breaker = breaker(failures: 5)
        var now = Duration.zero
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            now += .seconds(pause)
            expect(breaker.allowance(now: now - .nanoseconds(1)), .none)
            expect(breaker.allowance(now: now), .one)
            breaker.note(failure, now: now)
            expect(breaker.allowance(now: now), .none)
        }
    }

    @Test func `a target that refuses opens its circuit at once`() {
        var breaker = CircuitBreaker()
        breaker.note(.failed(target: "hub", isRefused: true), now: .zero)
        expect(breaker.allowance(now: .zero), .none)
        #expect(breaker.broken(isAwaited: true) == ["hub"])
    }

    @Test func `each target has a count of its own`() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 {
            breaker.note(.failed(target: "a", isRefused: false), now: .zero)
            breaker.note(.failed(target: "b", isRefused: false), now: .zero)
        }
        expect(breaker.allowance(now: .zero), .all)
        breaker.note(.failed(target: "b", isRefused: false), now: .zero)
        #expect(breaker.broken(isAwaited: true) == ["b"])
    }

    @Test func `what ran before it opened neither closes nor prolongs it`() {
        var breaker = breaker(failures: 5)
        breaker.note(.answered(by: nil), now: .milliseconds(500))
        breaker.note(failure, now: .milliseconds(500))
        expect(breaker.allowance(now: .milliseconds(999)), .none)
        expect(breaker.allowance(now: .seconds(1)), .one)
    }

    @Test func `targets beyond the limit count as the handler's own`() {
        var breaker = CircuitBreaker(limits: .init(threshold: 2, targets: 2))
        for target in ["a", "b", "c", "d"] {
            breaker.note(.failed(target: target, isRefused: false), now: .zero)
        }
        #expect(breaker.broken(isAwaited: true) == [""])
    }
}
