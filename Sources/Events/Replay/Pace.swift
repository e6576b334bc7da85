/// Spreads a replay over time: what was held up is not made up for, so that no second has more than
/// its rate, and one.
struct Pace {
    /// Zero: no limit.
    private let perSecond: Int
    private var start: Duration
    private var count = 0

    init(perSecond: Int, now: Duration) {
        self.perSecond = perSecond
        start = now
    }

    /// How long to wait before the next event.
    mutating func next(now: Duration) -> Duration {
        guard perSecond > 0 else { return .zero }
        let pause = start + .seconds(1) * count / perSecond - now
        // Timers are a little late, which would add up.
        if pause < .zero - .seconds(1) / perSecond { start -= pause }
        count += 1
        return max(pause, .zero)
    }

    /// About a second's worth, so that progress is seen and little is repeated.
    func batch(atMost limit: Int) -> Int {
        perSecond > 0 ? min(limit, perSecond) : limit
    }
}
