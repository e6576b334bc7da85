public import Telemetry

/// A moment, as google.protobuf.Timestamp has it: seconds since 1970 and nanoseconds from 0.
///
/// Any pair can be held, since clients may send any; ``isValid`` says whether it is a moment.
public struct Timestamp: Sendable, Hashable {
    public let seconds: Int64
    public let nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public init(_ time: UnixTime) {
        self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
    }

    /// - Parameters:
    ///   - microseconds: Since 1970, negative before it.
    ///   - nanoseconds: 0...999, added to them.
    public init(microseconds: Int64, nanoseconds: Int32 = 0) {
        var (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if rest < 0 {
            seconds -= 1
            rest += 1_000_000
        }
        self.init(seconds: seconds, nanoseconds: Int32(rest) * 1_000 + nanoseconds)
    }

    /// Within 0001-01-01T00:00:00Z...9999-12-31T23:59:59.999999999Z.
    public var isValid: Bool {
        (-62_135_596_800...253_402_300_799).contains(seconds)
            && (0...999_999_999).contains(nanoseconds)
    }

    /// Whole microseconds since 1970, rounded down. Only for a valid moment.
    public var microseconds: Int64 {
        seconds * 1_000_000 + Int64(nanoseconds / 1_000)
    }

    /// What ``microseconds`` leaves over: 0...999.
    public var nanosecondsOfMicrosecond: Int32 { nanoseconds % 1_000 }
}

extension Timestamp: Comparable {
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}
