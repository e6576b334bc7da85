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
        #expect(breaker.broken == [""])
        #expect(breaker.nextChange == .seconds(1))
    }

    @Test func `a run that ends well begins the count anew`() {
        var breaker = breaker(failures: 4)
        breaker.note(.answered, now: .zero)
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
        breaker.note(.answered, now: .seconds(9))
        expect(breaker.allowance(now: .seconds(9)), .all)
        #expect(breaker.broken.isEmpty)
    }

    @Test func `a try that fails opens it for twice as long, up to a minute`() {
        var breaker = breaker(failures: 5)
        var now = Duration.zero
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            #expect(breaker.nextChange == now + .seconds(pause))
            now += .seconds(pause)
            expect(breaker.allowance(now: now), .one)
            breaker.note(failure, now: now)
            expect(breaker.allowance(now: now), .none)
        }
    }

    @Test func `a target that refuses opens its circuit at once`() {
        var breaker = CircuitBreaker()
        breaker.note(.failed(target: "hub", isRefused: true), now: .zero)
        expect(breaker.allowance(now: .zero), .none)
        #expect(breaker.broken == ["hub"])
    }

    @Test func `each target has a count of its own`() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 {
            breaker.note(.failed(target: "a", isRefused: false), now: .zero)
            breaker.note(.failed(target: "b", isRefused: false), now: .zero)
        }
        expect(breaker.allowance(now: .zero), .all)
        breaker.note(.failed(target: "b", isRefused: false), now: .zero)
        #expect(breaker.broken == ["b"])
    }

    @Test func `what ran before it opened neither closes nor prolongs it`() {
        var breaker = breaker(failures: 5)
        breaker.note(.answered, now: .milliseconds(500))
        breaker.note(failure, now: .milliseconds(500))
        expect(breaker.allowance(now: .milliseconds(999)), .none)
        expect(breaker.allowance(now: .seconds(1)), .one)
    }

    @Test func `targets beyond the limit count as the handler's own`() {
        var breaker = CircuitBreaker(limits: .init(threshold: 2, targets: 2))
        for target in ["a", "b", "c", "d"] {
            breaker.note(.failed(target: target, isRefused: false), now: .zero)
        }
        #expect(breaker.broken == [""])
    }
}
