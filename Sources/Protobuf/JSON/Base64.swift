/// Base64 (RFC 4648): writes the standard alphabet with padding, reads both, padded or not.
public enum Base64 {
    /// In the standard alphabet, padded.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        encode(bytes[...], into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil when it is none, in either alphabet.
    public static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8)[...]) }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        values[Int(UInt8(ascii: "-"))] = 62
        values[Int(UInt8(ascii: "_"))] = 63
        return values
    }()

    static func encode(_ bytes: ArraySlice<UInt8>, into text: inout [UInt8]) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let count = min(3, bytes.endIndex - index)
            var group = UInt32(bytes[index]) << 16
            if count > 1 { group |= UInt32(bytes[index + 1]) << 8 }
            if count > 2 { group |= UInt32(bytes[index + 2]) }
            for place in 0..<4 {
                let bits = Int(group >> UInt32(18 - 6 * place)) & 0x3f
                text.append(place <= count ? alphabet[bits] : UInt8(ascii: "="))
            }
            index += count
        }
    }

    /// - Returns: nil when a character or the length cannot be.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var content = text
        var padding = 0
        while content.last == UInt8(ascii: "="), padding < 2 {
            content.removeLast()
            padding += 1
        }
        guard content.count % 4 != 1, padding == 0 || (content.count + padding) % 4 == 0 else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for character in content {
            let value = values[Int(character)]
            guard value != 0xff else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return bytes
    }
}
