/// 32 bytes, held inline.
public struct Digest256: Sendable, Hashable {
    /// Bytes 0–7, 8–15, 16–23 and 24–31, each with its first byte highest.
    public let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        words = (first, second, third, fourth)
    }

    public static func == (left: Digest256, right: Digest256) -> Bool { left.words == right.words }

    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }

    /// The first 16 bytes, as two words with their first byte highest.
    public var first16: (high: UInt64, low: UInt64) { (words.0, words.1) }

    /// The first 16 bytes.
    public var first16Bytes: [UInt8] { Array(bytes[..<16]) }

    /// 64 lower-case hexadecimal digits.
    public var hexadecimal: String {
        var text = ""
        text.reserveCapacity(64)
        for byte in bytes {
            if byte < 16 { text.append("0") }
            text.append(String(byte, radix: 16))
        }
        return text
    }
}
