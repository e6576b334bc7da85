/// `google.protobuf.Timestamp` and `Duration` as text (RFC 3339, and decimal seconds with an `s`).
enum TimeText {
    /// 0001-01-01T00:00:00Z up to 9999-12-31T23:59:59Z.
    static let timestampSeconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
    /// About 10,000 years.
    static let durationSeconds: ClosedRange<Int64> = -315_576_000_000...315_576_000_000

    // MARK: Printing

    /// - Returns: nil when it is out of range.
    static func timestamp(seconds: Int64, nanos: Int32) -> String? {
        guard timestampSeconds.contains(seconds), (0..<1_000_000_000).contains(nanos) else {
            return nil
        }
        let days = (seconds - floorMod(seconds, 86_400)) / 86_400
        let ofDay = floorMod(seconds, 86_400)
        let (year, month, day) = civil(days)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time =
            "\(padded(ofDay / 3600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        return "\(date)T\(time)\(fraction(nanos))Z"
    }

    /// - Returns: nil when it is out of range, or the signs differ.
    static func duration(seconds: Int64, nanos: Int32) -> String? {
        guard durationSeconds.contains(seconds), (-999_999_999...999_999_999).contains(nanos),
            seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
        else { return nil }
        let sign = seconds < 0 || nanos < 0 ? "-" : ""
        return "\(sign)\(seconds.magnitude)\(fraction(Int32(nanos.magnitude)))s"
    }

    /// None, 3, 6 or 9 digits.
    private static func fraction(_ nanos: Int32) -> String {
        if nanos == 0 { return "" }
        if nanos % 1_000_000 == 0 { return ".\(padded(Int64(nanos / 1_000_000), 3))" }
        if nanos % 1_000 == 0 { return ".\(padded(Int64(nanos / 1_000), 6))" }
        return ".\(padded(Int64(nanos), 9))"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    // MARK: Parsing

    /// Takes any offset; refuses lower-case `t` and `z`, leap seconds and over nine digits.
    static func parseTimestamp(_ text: ArraySlice<UInt8>) -> (seconds: Int64, nanos: Int32)? {
        var text = text
        guard let year = digits(4, &text), take("-", &text), let month = digits(2, &text),
            take("-", &text), let day = digits(2, &text), take("T", &text),
            let hour = digits(2, &text), take(":", &text), let minute = digits(2, &text),
            take(":", &text), let second = digits(2, &text), let nanos = parseFraction(&text),
            year >= 1, (1...12).contains(month), day >= 1, day <= daysIn(month, of: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var offset: Int64 = 0
        if !take("Z", &text) {
            let isEast = take("+", &text)
            guard isEast || take("-", &text), let hours = digits(2, &text), take(":", &text),
                let minutes = digits(2, &text), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
        }
        let seconds =
            daysSinceEpoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        guard text.isEmpty, timestampSeconds.contains(seconds) else { return nil }
        return (seconds, nanos)
    }

    static func parseDuration(_ text: ArraySlice<UInt8>) -> (seconds: Int64, nanos: Int32)? {
        var text = text
        let isNegative = take("-", &text)
        let count = text.prefix { (48...57).contains($0) }.count
        guard (1...12).contains(count), let seconds = digits(count, &text),
            let nanos = parseFraction(&text), take("s", &text), text.isEmpty,
            durationSeconds.contains(seconds),
            seconds < durationSeconds.upperBound || nanos == 0
        else { return nil }
        return isNegative ? (-seconds, -nanos) : (seconds, nanos)
    }

    private static func digits(_ count: Int, _ text: inout ArraySlice<UInt8>) -> Int64? {
        guard text.count >= count else { return nil }
        var value: Int64 = 0
        for byte in text.prefix(count) {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 48)
        }
        text.removeFirst(count)
        return value
    }

    private static func take(_ mark: Unicode.Scalar, _ text: inout ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: mark) else { return false }
        text.removeFirst()
        return true
    }

    /// Nanoseconds after an optional point; nil when the point has no, or over nine, digits after it.
    private static func parseFraction(_ text: inout ArraySlice<UInt8>) -> Int32? {
        guard take(".", &text) else { return 0 }
        let count = text.prefix { (48...57).contains($0) }.count
        guard (1...9).contains(count), var nanos = digits(count, &text) else { return nil }
        for _ in count..<9 { nanos *= 10 }
        return Int32(nanos)
    }

    // MARK: Calendar (proleptic Gregorian; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms")

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted - floorMod(shifted, 146_097)) / 146_097
        let ofEra = floorMod(shifted, 146_097)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted - floorMod(shifted, 400)) / 400
        let yearOfEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let ofEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear
        return era * 146_097 + ofEra - 719_468
    }

    private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floorMod(_ value: Int64, _ modulus: Int64) -> Int64 {
        let rest = value % modulus
        return rest < 0 ? rest + modulus : rest
    }
}
