internal import Telemetry

/// How often a peer may ping (gRFC A8).
///
/// A ping is well when the last one is `minInterval` ago, or when we sent DATA or HEADERS in
/// between: clients that measure the bandwidth ping in answer to those. Others are strikes; one
/// strike more than `maxStrikes`, and the peer is cut off. Whether calls are open makes no
/// difference.
struct PingPolicy {
    private let minInterval: Duration
    private let maxStrikes: Int
    /// Nil when the next ping is well whenever it comes.
    private var last: MonotonicTime?
    private var strikes = 0

    init(minInterval: Duration, maxStrikes: Int) {
        // A tenth of slack: pings that left on time don't arrive so.
        self.minInterval = minInterval * 9 / 10
        self.maxStrikes = maxStrikes
    }

    /// - Returns: False when the peer is to be cut off.
    mutating func received(at now: MonotonicTime) -> Bool {
        defer { last = now }
        guard let last, now < last + minInterval else { return true }
        strikes += 1
        return strikes <= maxStrikes
    }

    /// DATA or HEADERS left.
    mutating func sent() {
        last = nil
        strikes = 0
    }
}
