/// A map of strings as a JSON object: what the column `extra` holds.
enum StringMap {
    static func encode(_ map: [String: String]) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            append(key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Reads what Postgres prints of an object of strings. Anything else in it is left out.
    static func decode(_ text: String) -> [String: String] {
        var reader = Reader(bytes: Array(text.utf8))
        return reader.object()
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        mutating func object() -> [String: String] {
            var map: [String: String] = [:]
            while let key = string(), let value = string() { map[key] = value }
            return map
        }

        /// The next string, past whatever separates it.
        private mutating func string() -> String? {
            while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += 1 }
            guard index < bytes.count else { return nil }
            index += 1
            var text: [UInt8] = []
            while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                if bytes[index] == UInt8(ascii: "\\") {
                    escape(into: &text)
                } else {
                    text.append(bytes[index])
                    index += 1
                }
            }
            index += 1
            return String(decoding: text, as: UTF8.self)
        }

        /// jsonb prints what it can as UTF-8: `\u` stands for control characters only.
        private mutating func escape(into text: inout [UInt8]) {
            guard index + 1 < bytes.count else {
                index = bytes.count
                return
            }
            let letter = bytes[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                let end = min(index + 4, bytes.count)
                let digits = String(decoding: bytes[index..<end], as: UTF8.self)
                index = end
                if let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) {
                    text += Array(String(Character(scalar)).utf8)
                }
            default: text.append(letter)
            }
        }
    }
}
