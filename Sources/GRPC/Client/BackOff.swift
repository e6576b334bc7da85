/// Waits between attempts: growing, and spread by a fifth, so that clients who lost one server
/// together don't come back together (gRPC's `connection-backoff`, gRFC A6).
struct BackOff: Sendable, Equatable {
    private let first: Duration
    private let most: Duration
    private let factor: Double
    private var attempt = 0

    init(first: Duration, most: Duration, factor: Double = 1.6) {
        self.first = first
        self.most = most
        self.factor = factor
    }

    /// - Parameter spread: In -1...1.
    mutating func next(spread: Double = Double.random(in: -1...1)) -> Duration {
        var wait = first
        for _ in 0..<attempt where wait < most { wait = wait * factor }
        attempt = min(attempt + 1, 64)
        return min(wait, most) * (1 + spread / 5)
    }

    mutating func reset() {
        attempt = 0
    }
}
