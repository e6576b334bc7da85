/// Spreads a replay over time: event number n starts no earlier than n / rate after the start.
struct Pace {
    /// Zero: no limit.
    private let perSecond: Int
    private let start: Duration
    private var count = 0

    init(perSecond: Int, now: Duration) {
        self.perSecond = perSecond
        start = now
    }

    /// How long to wait before the next event.
    mutating func next(now: Duration) -> Duration {
        guard perSecond > 0 else { return .zero }
        defer { count += 1 }
        return max(start + .seconds(1) * count / perSecond - now, .zero)
    }

    /// About a second's worth, so that progress is seen and little is repeated.
    func batch(atMost limit: Int) -> Int {
        perSecond > 0 ? min(limit, perSecond) : limit
    }
}
