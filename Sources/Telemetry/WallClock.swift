import Glibc

/// A moment of civil time, counted from 1970-01-01T00:00:00Z without leap seconds.
public struct UnixTime: Sendable, Hashable, Comparable {
    public let seconds: Int64
    /// 0 ..< 1,000,000,000, also before 1970.
    public let nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        precondition((0..<1_000_000_000).contains(nanoseconds), "nanoseconds out of range")
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public init(microseconds: Int64) {
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        let borrow: Int64 = remainder < 0 ? 1 : 0
        seconds = quotient - borrow
        nanoseconds = Int32((remainder + borrow * 1_000_000) * 1_000)
    }

    /// Microseconds since 1970, rounded down; held within `Int64`.
    public var microseconds: Int64 {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(Int64(nanoseconds / 1_000))
        return carried ? .max : sum
    }

    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// The moment `duration` later (or earlier, when it is negative).
    public func advanced(by duration: Duration) -> UnixTime {
        let (wholeSeconds, attoseconds) = duration.components
        var nanos = Int64(nanoseconds) + attoseconds / 1_000_000_000
        var total = seconds + wholeSeconds
        if nanos < 0 {
            nanos += 1_000_000_000
            total -= 1
        } else if nanos >= 1_000_000_000 {
            nanos -= 1_000_000_000
            total += 1
        }
        return UnixTime(seconds: total, nanoseconds: Int32(nanos))
    }

    /// How long after `earlier` this moment is.
    public func duration(since earlier: UnixTime) -> Duration {
        .seconds(seconds - earlier.seconds) + .nanoseconds(nanoseconds - earlier.nanoseconds)
    }
}

extension UnixTime: CustomStringConvertible {
    /// RFC 3339 in UTC with microseconds: `2026-02-03T04:05:06.000007Z`.
    public var description: String {
        let date = CivilDate(unixSeconds: seconds)
        var text = ""
        text.reserveCapacity(27)
        text.append(padded: date.year, to: 4)
        text.append("-")
        text.append(padded: date.month, to: 2)
        text.append("-")
        text.append(padded: date.day, to: 2)
        text.append("T")
        text.append(padded: date.secondOfDay / 3_600, to: 2)
        text.append(":")
        text.append(padded: date.secondOfDay / 60 % 60, to: 2)
        text.append(":")
        text.append(padded: date.secondOfDay % 60, to: 2)
        text.append(".")
        text.append(padded: Int64(nanoseconds / 1_000), to: 6)
        text.append("Z")
        return text
    }
}

/// Where civil time comes from, so that a test can set it.
public protocol WallClock: Sendable {
    func now() -> UnixTime
}

/// The machine's clock.
public struct SystemWallClock: WallClock {
    public init() {}

    public func now() -> UnixTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }
}

/// A day of the proleptic Gregorian calendar and the second in it.
struct CivilDate {
    let year: Int64
    let month: Int64
    let day: Int64
    let secondOfDay: Int64

    /// The usual count over 400-year eras that start on 1 March, so that a leap day comes last.
    init(unixSeconds: Int64) {
        let days = unixSeconds >= 0 ? unixSeconds / 86_400 : (unixSeconds - 86_399) / 86_400
        secondOfDay = unixSeconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}

extension String {
    /// Appends a number with leading zeros, in at least `width` digits.
    fileprivate mutating func append(padded number: Int64, to width: Int) {
        let digits = String(number.magnitude)
        if number < 0 { append("-") }
        for _ in digits.utf8.count..<max(width, digits.utf8.count) { append("0") }
        append(digits)
    }
}
