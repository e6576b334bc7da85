/// `grpc-message`: UTF-8 with everything but printable ASCII, and `%` itself, as `%XX`; so is a
/// space at either end, where HTTP/2 allows none (RFC 9113 §8.2.1).
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    package static func encode(_ text: String) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        let ends = [0, text.utf8.count - 1]
        for (index, byte) in text.utf8.enumerated() {
            let isPlain = (0x20...0x7e).contains(byte) && byte != 0x25
            if isPlain && !(byte == 0x20 && ends.contains(index)) {
                encoded.append(byte)
            } else {
                encoded += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return encoded
    }

    /// Never fails: a `%` that starts no pair of digits stands for itself, and what isn't UTF-8 is
    /// repaired.
    package static func decode(_ encoded: [UInt8]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var index = 0
        while index < encoded.count {
            if encoded[index] == 0x25, index + 2 < encoded.count,
                let high = value(encoded[index + 1]), let low = value(encoded[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(encoded[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
