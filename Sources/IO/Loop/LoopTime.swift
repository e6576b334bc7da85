/// A moment on the monotonic clock. What limits measure: 8 bytes, and cheaper to reckon with than
/// `ContinuousClock.Instant`.
public struct LoopTime: Sendable, Hashable, Comparable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Where the time of a test begins.
    public static let zero = LoopTime(nanoseconds: 0)

    public static func < (a: LoopTime, b: LoopTime) -> Bool { a.nanoseconds < b.nanoseconds }

    public static func + (time: LoopTime, duration: Duration) -> LoopTime {
        LoopTime(nanoseconds: time.nanoseconds &+ duration.wholeNanoseconds)
    }

    /// Zero when `later` is earlier.
    public func duration(to later: LoopTime) -> Duration {
        later > self ? .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds)) : .zero
    }
}
