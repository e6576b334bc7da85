/// Writes JSON, compact or with two spaces a level.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    private let isPretty: Bool
    private var level = 0
    private var isFirst = true

    init(pretty: Bool) {
        isPretty = pretty
    }

    mutating func open(_ mark: Unicode.Scalar) {
        bytes.append(UInt8(ascii: mark))
        level += 1
        isFirst = true
    }

    mutating func close(_ mark: Unicode.Scalar) {
        level -= 1
        if !isFirst { newLine() }
        bytes.append(UInt8(ascii: mark))
        isFirst = false
    }

    /// Before each element of an array and each key.
    mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        newLine()
    }

    mutating func key(_ name: String) {
        separate()
        string(Array(name.utf8)[...])
        colon()
    }

    mutating func key(_ name: ArraySlice<UInt8>) {
        separate()
        string(name)
        colon()
    }

    /// - Parameter name: In quotes, escaped.
    mutating func key(escaped name: [UInt8]) {
        separate()
        bytes.append(contentsOf: name)
        colon()
    }

    private mutating func colon() {
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
    }

    private mutating func newLine() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<2 * level { bytes.append(UInt8(ascii: " ")) }
    }

    mutating func raw(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Text that needs no escapes, in quotes.
    mutating func quoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func base64(_ content: ArraySlice<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        Base64.encode(content, into: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Escapes what RFC 8259 §7 demands, and U+007F; the rest stays UTF-8.
    mutating func string(_ content: ArraySlice<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var start = content.startIndex
        for index in content.indices where Self.needsEscape(content[index]) {
            bytes.append(contentsOf: content[start..<index])
            escape(content[index])
            start = index + 1
        }
        bytes.append(contentsOf: content[start...])
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7f
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x0c: bytes.append(UInt8(ascii: "f"))
        case 0x0a: bytes.append(UInt8(ascii: "n"))
        case 0x0d: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            raw("u00")
            bytes.append(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 15
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }

    /// The shortest text that reads back as the same number; `"NaN"` and infinities as strings.
    mutating func number<Value: BinaryFloatingPoint & LosslessStringConvertible>(_ value: Value) {
        if value.isNaN {
            quoted("NaN")
        } else if value.isInfinite {
            quoted(value < 0 ? "-Infinity" : "Infinity")
        } else {
            // Swift's description is the shortest round-trip form. `1.0` is written `1`, but -0.0
            // stays: as `-0`, many parsers would take it for the integer.
            let text = value.description
            raw(text.hasSuffix(".0") && value != 0 ? String(text.dropLast(2)) : text)
        }
    }
}
