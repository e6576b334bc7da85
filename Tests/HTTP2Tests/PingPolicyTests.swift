import Telemetry
import Testing

@testable import HTTP2

@Suite struct PingPolicyTests {
    private static func at(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: UInt64(seconds * 1e9))
    }

    private func policy() -> PingPolicy { PingPolicy(minInterval: .seconds(10), maxStrikes: 2) }

    @Test func `a ping every ten seconds, or a bit sooner, goes on for ever`() {
        var policy = policy()
        for index in 0..<1_000 {
            let isWell = policy.received(at: Self.at(Double(index) * 9.5))
            #expect(isWell)
        }
    }

    @Test func `the third early ping is one too many`() {
        var policy = policy()
        let pings = (0..<4).map { policy.received(at: Self.at(Double($0) * 5)) }
        #expect(pings == [true, true, true, false])
    }

    @Test func `strikes stay when the peer behaves for a while`() {
        var policy = policy()
        let pings = [0, 1, 20, 40, 41, 60, 61].map { policy.received(at: Self.at($0)) }
        #expect(pings == [true, true, true, true, true, true, false])
    }

    @Test func `pings in answer to what we send are well`() {
        var policy = policy()
        for index in 0..<1_000 {
            let isWell = policy.received(at: Self.at(Double(index) * 0.001))
            #expect(isWell)
            policy.sent()
        }
    }
}
