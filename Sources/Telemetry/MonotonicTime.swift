import Glibc

/// A moment on the monotonic clock. What limits and deadlines are held against: 8 bytes, and cheaper
/// to reckon with and to hand on than `ContinuousClock.Instant`, whose size no other module may know.
public struct MonotonicTime: Sendable, Hashable, Comparable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Where the clock begins: before all that happens.
    public static let zero = MonotonicTime(nanoseconds: 0)

    public static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(
            nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
        a.nanoseconds < b.nanoseconds
    }

    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds &+ duration.wholeNanoseconds)
    }

    /// Never before the clock's beginning.
    public static func - (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(
            nanoseconds: time.nanoseconds - min(time.nanoseconds, duration.wholeNanoseconds))
    }

    /// Zero when `later` is earlier.
    public func duration(to later: MonotonicTime) -> Duration {
        later > self ? .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds)) : .zero
    }
}

extension Duration {
    /// Clamped to 0...Int64.max nanoseconds, which is 292 years.
    package var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow, whole < UInt64(Int64.max) - 1_000_000_000 else { return UInt64(Int64.max) }
        return whole + UInt64(attoseconds) / 1_000_000_000
    }
}
