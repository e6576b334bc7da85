/// How long to wait before the next attempt: twice as long after each, up to a limit, and never
/// quite the same, so that many clients of one server do not come back together.
package struct Backoff: Sendable {
    private var next: Duration
    private let limit: Duration

    package init(first: Duration = .milliseconds(50), limit: Duration = .seconds(2)) {
        next = first
        self.limit = limit
    }

    /// Between half of the delay and all of it.
    package mutating func delay(
        using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let whole = next
        next = min(next * 2, limit)
        return whole * Double.random(in: 0.5...1, using: &generator)
    }

    package mutating func delay() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return delay(using: &generator)
    }
}
