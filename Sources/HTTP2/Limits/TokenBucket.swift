public import Telemetry

/// So many at once, and so many more each second.
public struct TokenBucket: Sendable {
    private let capacity: UInt64
    private let perSecond: UInt64
    /// In billionths, so that whole nanoseconds of refill are whole numbers.
    private var billionths: UInt64
    private var refilled: MonotonicTime?

    private static let one: UInt64 = 1_000_000_000

    public init(burst: Int, perSecond: Int) {
        // Bounded so that nothing below can overflow: a billion is as good as no limit.
        capacity = UInt64(min(max(burst, 0), 1_000_000_000)) * Self.one
        self.perSecond = UInt64(min(max(perSecond, 0), 1_000_000_000))
        billionths = capacity
    }

    /// - Returns: False when none is left.
    public mutating func take(at now: MonotonicTime) -> Bool {
        if billionths < Self.one { refill(at: now) }
        guard billionths >= Self.one else { return false }
        billionths -= Self.one
        // The first one taken starts the clock: what was full until now has gained nothing.
        if refilled == nil { refilled = now }
        return true
    }

    /// Whether none is left.
    public mutating func isEmpty(at now: MonotonicTime) -> Bool {
        refill(at: now)
        return billionths < Self.one
    }

    /// Whether nothing was taken that isn't back.
    public mutating func isFull(at now: MonotonicTime) -> Bool {
        refill(at: now)
        return billionths == capacity
    }

    private mutating func refill(at now: MonotonicTime) {
        guard let last = refilled, now > last else { return }
        refilled = now
        let nanoseconds = now.nanoseconds - last.nanoseconds
        let (gain, overflow) = nanoseconds.multipliedReportingOverflow(by: perSecond)
        billionths = overflow ? capacity : min(capacity, billionths + gain)
    }
}
