/// When a run that failed for a transient reason is tried again.
///
/// The pause before attempt n + 1 is a random part ("full jitter") of
/// `min(maxDelay, firstDelay × 2ⁿ⁻¹)`, so that many which failed together do not come back together.
/// What the handler said itself (``HandlerError/retryAfter``) comes before that.
public struct RetryPolicy: Sendable, Hashable {
    /// Runs of one event, the first one too, before it becomes a dead letter; 1...1,000.
    public var maxAttempts: Int
    /// Up to 12 h.
    public var firstDelay: Duration
    /// From `firstDelay` to 12 h.
    public var maxDelay: Duration
    /// Counted from when the event was recorded: an older one that fails becomes a dead letter
    /// whatever attempts are left. 1 ms to 366 days.
    public var maxAge: Duration

    public static let standard = RetryPolicy()
    public static let attempts = 1...1_000
    public static let longestDelay: Duration = .seconds(43_200)
    public static let longestAge: Duration = .seconds(366 * 86_400)

    public init(
        maxAttempts: Int = 10, firstDelay: Duration = .seconds(1),
        maxDelay: Duration = .seconds(300), maxAge: Duration = .seconds(86_400)
    ) {
        self.maxAttempts = maxAttempts
        self.firstDelay = firstDelay
        self.maxDelay = maxDelay
        self.maxAge = maxAge
    }

    /// How long to wait after a failed attempt, counted from 1; nil: it is over.
    ///
    /// - Parameters:
    ///   - age: Of the event.
    ///   - retryAfter: What the handler asked for: no earlier, up to 12 h.
    func pause(
        after attempt: Int, age: Duration, retryAfter: Duration?,
        random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard attempt < maxAttempts else { return nil }
        let bound = min(maxDelay, firstDelay * (1 << min(attempt - 1, 30)))
        var pause = bound * Double.random(in: 0...1, using: &random)
        if let retryAfter { pause = min(max(retryAfter, pause), Self.longestDelay) }
        return age + pause > maxAge ? nil : pause
    }

    func faults(under field: String) -> [FieldViolation] {
        var faults: [FieldViolation] = []
        func check(_ isRight: Bool, _ name: String, _ rule: String) {
            if !isRight { faults.append(FieldViolation(field: field + name, description: rule)) }
        }
        check(
            Self.attempts.contains(maxAttempts), ".maxAttempts",
            "must be between 1 and \(Self.attempts.upperBound)")
        check(
            (.zero...Self.longestDelay).contains(firstDelay), ".firstDelay",
            "must be between 0 and 12 h")
        check(
            maxDelay >= firstDelay && maxDelay <= Self.longestDelay, ".maxDelay",
            "must be between firstDelay and 12 h")
        check(
            (.milliseconds(1)...Self.longestAge).contains(maxAge), ".maxAge",
            "must be between 1 ms and 366 days")
        return faults
    }
}
