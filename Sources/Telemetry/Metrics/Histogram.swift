/// How often a measure fell into each of a few ranges. Any thread.
public final class Histogram: Sendable {
    /// From 0.1 ms to 30 s.
    public static let secondsBounds: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
        2.5, 5, 10, 30,
    ]

    /// What was counted up to now.
    public struct Snapshot: Sendable, Equatable {
        /// One for each bound, then one for what lay above them all; not cumulative.
        public fileprivate(set) var counts: [UInt64]
        public fileprivate(set) var sum: Double = 0

        public var count: UInt64 { counts.reduce(0, +) }
    }

    /// Upper ends, inclusive, rising.
    public let bounds: [Double]
    private let state: Lock<Snapshot>

    init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
        self.bounds = bounds
        state = Lock(Snapshot(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    public func record(_ value: Double) {
        var index = 0
        while index < bounds.count && value > bounds[index] { index += 1 }
        state.withLock { state in
            state.counts[index] += 1
            state.sum += value
        }
    }

    /// Records a duration in seconds.
    public func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        record(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    public var snapshot: Snapshot { state.withLock { $0 } }
}
