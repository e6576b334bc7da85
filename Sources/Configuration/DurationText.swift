/// Spans of time as people write them: `500ms`, `10s`, `1.5m`, `2h`, `1d`.
public enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    /// Some 30 years.
    private static let longest = 1e12

    /// - Returns: Nil when it is none, is negative or has no unit.
    public static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let name = text.dropFirst(digits.count)
        guard let unit = units.first(where: { $0.name == name })?.milliseconds,
            let number = Double(digits), number * Double(unit) <= longest
        else { return nil }
        if let whole = Int64(digits) { return .milliseconds(whole * unit) }
        return .milliseconds(number * Double(unit))
    }

    /// In the largest unit that says it in a whole number; parts of a millisecond are left out.
    public static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let unit = units.last { milliseconds % $0.milliseconds == 0 && milliseconds != 0 }
        guard let unit else { return "\(milliseconds)ms" }
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
