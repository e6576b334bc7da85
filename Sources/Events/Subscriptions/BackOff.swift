/// Pauses between attempts that fail one after the other: exponential, with full jitter.
struct BackOff {
    private let first: Duration
    private let longest: Duration
    private var failures = 0

    init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
        self.first = first
        self.longest = longest
    }

    mutating func next() -> Duration {
        let bound = min(longest, first * (1 << min(failures, 16)))
        failures += 1
        return bound * Double.random(in: 0.5...1)
    }

    mutating func reset() { failures = 0 }
}
