/// `grpc-timeout`: at most eight digits and a unit.
package enum CallTimeout {
    /// - Returns: Nil when it is none.
    package static func decode(_ text: Span<UInt8>) -> Duration? {
        guard (2...9).contains(text.count) else { return nil }
        var amount: Int64 = 0
        for index in 0..<text.count - 1 {
            guard (0x30...0x39).contains(text[index]) else { return nil }
            amount = amount * 10 + Int64(text[index] - 0x30)
        }
        switch text[text.count - 1] {
        case UInt8(ascii: "H"): return .seconds(amount * 3_600)
        case UInt8(ascii: "M"): return .seconds(amount * 60)
        case UInt8(ascii: "S"): return .seconds(amount)
        case UInt8(ascii: "m"): return .milliseconds(amount)
        case UInt8(ascii: "u"): return .microseconds(amount)
        case UInt8(ascii: "n"): return .nanoseconds(amount)
        default: return nil
        }
    }

    /// In the finest unit that holds it, rounded up, so that the server is never the first to give
    /// up because of rounding.
    package static func encode(_ timeout: Duration) -> String {
        let (seconds, attoseconds) = timeout.components
        guard seconds >= 0, attoseconds >= 0 else { return "0n" }
        let units: [(name: String, perSecond: Int64)] = [
            ("n", 1_000_000_000), ("u", 1_000_000), ("m", 1_000), ("S", 1),
        ]
        for unit in units {
            let (whole, overflow) = seconds.multipliedReportingOverflow(by: unit.perSecond)
            let attosecondsEach = 1_000_000_000_000_000_000 / unit.perSecond
            let part = (attoseconds + attosecondsEach - 1) / attosecondsEach
            if !overflow && whole + part <= 99_999_999 { return "\(whole + part)\(unit.name)" }
        }
        let hours = seconds / 3_600 + 1
        return hours <= 99_999_999 ? "\(hours)H" : "99999999H"
    }
}
