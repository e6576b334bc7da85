import Telemetry

/// A UUID: what makes an event the same event when it is published twice.
public struct EventID: Sendable, Hashable {
    /// The first eight bytes, in the order in which they are printed.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 36 character form, in either case; nil when it is anything else.
    public init?(_ text: String) {
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        var count = 0
        for character in text.utf8 {
            if count == 8 || count == 13 || count == 18 || count == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Self.value(ofHexDigit: character) else { return nil }
                if count < 18 {
                    halves.high = halves.high << 4 | digit
                } else {
                    halves.low = halves.low << 4 | digit
                }
            }
            count += 1
            if count > 36 { return nil }
        }
        guard count == 36 else { return nil }
        self.init(high: halves.high, low: halves.low)
    }

    private static func value(ofHexDigit character: UInt8) -> UInt64? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// A new id that sorts by time (RFC 9562 §5.7): milliseconds, then the fraction of the
    /// millisecond in 12 bits (§6.2, method 3), then 62 random bits.
    public static func v7(at time: Timestamp) -> EventID {
        var generator = SharedRandom()
        return v7(at: time, using: &generator)
    }

    /// As ``v7(at:)``, with the random bits from `generator`.
    public static func v7(
        at time: Timestamp, using generator: inout some RandomNumberGenerator
    ) -> EventID {
        let nanoseconds = UInt64(time.nanoseconds)
        let milliseconds = UInt64(clamping: time.seconds) &* 1_000 &+ nanoseconds / 1_000_000
        let fraction = (nanoseconds % 1_000_000) << 12 / 1_000_000
        return EventID(
            high: milliseconds << 16 | 0x7000 | fraction,
            low: 0b10 << 62 | generator.next() >> 2)
    }
}

extension EventID: CustomStringConvertible {
    /// The 36 character form in lower case.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            /// The digits of a half's bits from `shift` on.
            func put(_ half: UInt64, _ shift: UInt64, at places: Range<Int>) {
                var bits = half &>> shift
                for index in places.reversed() {
                    let digit = UInt8(truncatingIfNeeded: bits) & 0xF
                    buffer[index] = digit &+ (digit < 10 ? 0x30 : 0x57)
                    bits &>>= 4
                }
            }
            put(high, 32, at: 0..<8)
            put(high, 16, at: 9..<13)
            put(high, 0, at: 14..<18)
            put(low, 48, at: 19..<23)
            put(low, 0, at: 24..<36)
            for index in [8, 13, 18, 23] { buffer[index] = UInt8(ascii: "-") }
            return 36
        }
    }
}

extension EventID {
    /// Whether this is the id's ``description``, without making that.
    public func isSpelled(_ text: String) -> Bool {
        let bytes = text.utf8.span
        guard bytes.count == 36 else { return false }
        var left = low
        for index in (0..<36).reversed() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard bytes[index] == UInt8(ascii: "-") else { return false }
                if index == 18 { left = high }
                continue
            }
            let digit = UInt8(truncatingIfNeeded: left) & 0xF
            guard bytes[index] == digit &+ (digit < 10 ? 0x30 : 0x57) else { return false }
            left &>>= 4
        }
        return true
    }
}

extension EventID: Comparable {
    public static func < (left: EventID, right: EventID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
