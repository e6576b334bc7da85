import Testing

@testable import GRPC

@Suite struct SubchannelStateTests {
    private let start = ContinuousClock.now
    private let refused = RPCError(.unavailable, "refused")

    private func make(addresses: Int = 1, checksHealth: Bool = false) -> SubchannelState {
        SubchannelState(
            addressCount: addresses, checksHealth: checksHealth,
            backOff: BackOff(first: .milliseconds(100), most: .seconds(1)))
    }

    @Test func `it connects when it is wanted, once`() {
        var state = make()
        #expect(state.connectivity == .idle)
        let (first, second) = (state.wanted(), state.wanted())
        #expect(first == .connect(to: 0))
        #expect(second == .none)
        #expect(state.connectivity == .connecting)
        let settled = state.settled(at: start)
        #expect(settled == .use)
        #expect(state.connectivity == .ready)
    }

    @Test func `waits grow by 1.6 up to the longest, and calls fail meanwhile`() {
        var state = make()
        var waits: [Duration] = []
        _ = state.wanted()
        for _ in 0..<7 {
            guard case .wait(let wait) = state.attemptFailed(refused, spread: 0) else { break }
            waits.append(wait)
            #expect(state.connectivity == .failing(refused))
            let again = state.waited()
            #expect(again == .connect(to: 0))
            #expect(state.connectivity == .failing(refused), "also while it tries again")
        }
        let expected = [0.1, 0.16, 0.256, 0.4096, 0.65536, 1, 1]
        #expect(waits.count == expected.count)
        for (wait, seconds) in zip(waits, expected) {
            #expect(abs(wait / .seconds(1) - seconds) < 0.000_1)
        }
        _ = state.settled(at: start)
        #expect(state.connectivity == .ready)
    }

    @Test func `a connection that lasted resets the waits`() {
        var state = make()
        _ = state.wanted()
        for _ in 0..<5 {
            _ = state.attemptFailed(refused, spread: 0)
            _ = state.waited()
        }
        _ = state.settled(at: start)
        let lost = state.lost(at: start + .seconds(2))
        #expect(lost == .none)
        #expect(state.connectivity == .idle)
        _ = state.wanted()
        let failed = state.attemptFailed(refused, spread: 0)
        #expect(failed == .wait(.milliseconds(100)))
    }

    @Test func `connections that don't last are made anew at once only the first time`() {
        var state = make()
        _ = state.wanted()
        _ = state.settled(at: start)
        let first = state.lost(at: start + .milliseconds(10))
        #expect(first == .none)
        _ = state.wanted()
        _ = state.settled(at: start)
        let second = state.lost(at: start + .milliseconds(10), spread: 0)
        #expect(second == .wait(.milliseconds(100)))
        #expect(state.connectivity == .connecting, "calls wait: nothing has failed")
        let again = state.waited()
        #expect(again == .connect(to: 0))
        _ = state.settled(at: start)
        let third = state.lost(at: start, spread: 0)
        #expect(third == .wait(.milliseconds(160)))
    }

    @Test func `the next address is tried when one fails, and failure is of all`() {
        var state = make(addresses: 3)
        let actions = [
            state.wanted(), state.attemptFailed(refused), state.attemptFailed(refused),
        ]
        #expect(actions == [.connect(to: 0), .connect(to: 1), .connect(to: 2)])
        #expect(state.connectivity == .connecting)
        let last = state.attemptFailed(refused, spread: 0)
        #expect(last == .wait(.milliseconds(100)))
        #expect(state.connectivity == .failing(refused))
    }

    @Test func `a slow address has another tried beside it, and the first to settle is used`() {
        var state = make(addresses: 2)
        _ = state.wanted()
        let (second, none) = (state.delayed(), state.delayed())
        #expect(second == .connect(to: 1))
        #expect(none == .none)
        let failed = state.attemptFailed(refused)
        #expect(failed == .none, "the other one is still under way")
        let settled = state.settled(at: start)
        #expect(settled == .use)
    }

    @Test func `a server whose health is checked gets calls only while it serves`() {
        var state = make(checksHealth: true)
        _ = state.wanted()
        _ = state.settled(at: start)
        #expect(state.connectivity == .connecting)
        state.told(.serving)
        #expect(state.connectivity == .ready)
        state.told(.notServing("draining"))
        #expect(state.connectivity == .failing(RPCError(.unavailable, "draining")))
        state.told(.serving)
        #expect(state.connectivity == .ready)
        _ = state.lost(at: start + .seconds(5))
        #expect(state.connectivity == .idle)
    }

    @Test func `nothing moves it once it is shut down`() {
        var state = make()
        _ = state.wanted()
        state.shutDown()
        let actions = [
            state.wanted(), state.settled(at: start), state.attemptFailed(refused),
            state.delayed(), state.waited(), state.lost(at: start),
        ]
        #expect(actions.allSatisfy { $0 == .none })
        #expect(state.connectivity == .shutDown)
    }

    @Test func `whatever happens in whatever order, waits and attempts come to an end`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var state = make(
                addresses: Int.random(in: 1...4, using: &random), checksHealth: .random())
            var attempts = 0
            var isWaiting = false
            var now = start
            for _ in 0..<60 {
                now += .milliseconds(Int.random(in: 0...700, using: &random))
                let action: SubchannelState.Action
                switch Int.random(in: 0..<6, using: &random) {
                case 0: action = state.wanted()
                case 1 where attempts > 0:
                    attempts -= 1
                    action = state.attemptFailed(refused)
                case 2 where attempts > 0: action = state.settled(at: now)
                case 3: action = state.delayed()
                case 4 where isWaiting:
                    isWaiting = false
                    action = state.waited()
                default: action = state.lost(at: now)
                }
                switch action {
                case .none: break
                case .connect: attempts += 1
                case .wait(let wait):
                    #expect(!isWaiting && attempts == 0)
                    #expect(wait <= .seconds(1.2))
                    isWaiting = true
                case .use: attempts = 0
                }
                let isTrying = state.connectivity == .connecting || attempts > 0
                #expect(!(isTrying && isWaiting && attempts > 0), "it waits or it tries")
            }
        }
    }
}

@Suite struct KeepAliveStateTests {
    private func make(withoutCalls: Bool = false) -> KeepAliveState {
        var configuration = ClientConfiguration.KeepAlive()
        configuration.withoutCalls = withoutCalls
        return KeepAliveState(configuration)
    }

    @Test func `it asks at the interval and rests after an answer`() {
        var state = make()
        let asked = state.timePassed(reads: 0, hasCalls: true)
        #expect(asked == .ping(.seconds(5)))
        let answered = state.answered()
        #expect(answered == .wait(.seconds(30)))
        let again = state.timePassed(reads: 1, hasCalls: true)
        #expect(again == .ping(.seconds(5)))
    }

    @Test func `nobody is asked while no call is open, unless that is wanted`() {
        var (quiet, eager) = (make(), make(withoutCalls: true))
        let actions = [
            quiet.timePassed(reads: 0, hasCalls: false),
            eager.timePassed(reads: 0, hasCalls: false),
        ]
        #expect(actions == [.wait(.seconds(30)), .ping(.seconds(5))])
    }

    @Test func `silence after a ping is death, other bytes are not`() {
        var state = make()
        _ = state.timePassed(reads: 7, hasCalls: true)
        let busy = state.timePassed(reads: 8, hasCalls: true)
        #expect(busy == .wait(.seconds(5)))
        let silent = state.timePassed(reads: 8, hasCalls: true)
        #expect(silent == .dead)
    }
}

@Suite struct ResolutionStateTests {
    private let start = ContinuousClock.now

    private func make() -> ResolutionState {
        ResolutionState(
            interval: .seconds(30),
            backOff: BackOff(first: .milliseconds(100), most: .seconds(1)))
    }

    @Test func `one look-up at a time, and not more often than the interval`() {
        var state = make()
        let actions = [state.wanted(at: start), state.wanted(at: start)]
        #expect(actions == [.resolve, .none])
        state.succeeded(at: start)
        let soon = state.wanted(at: start + .seconds(10))
        #expect(soon == .wait(.seconds(20)))
        let meanwhile = state.wanted(at: start + .seconds(15))
        #expect(meanwhile == .none)
        let then = state.waited()
        #expect(then == .resolve)
        state.succeeded(at: start + .seconds(30))
        let later = state.wanted(at: start + .seconds(61))
        #expect(later == .resolve)
    }

    @Test func `a failed look-up is made again after a growing wait`() {
        var state = make()
        _ = state.wanted(at: start)
        let first = state.failed(spread: 0)
        #expect(first == .wait(.milliseconds(100)))
        _ = state.waited()
        let second = state.failed(spread: 0)
        #expect(second == .wait(.milliseconds(160)))
    }
}
