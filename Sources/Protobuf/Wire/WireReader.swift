/// Reads wire values one after the other from a part of an array; every read checks its bounds.
///
/// For code that is not on the hot path: descriptors, JSON. `nil` means that the bytes are truncated
/// or malformed at ``position``.
struct WireReader {
    /// A field's number and layout.
    struct Tag {
        let number: Int
        let type: WireType
    }

    let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    init(_ bytes: [UInt8]) {
        self.init(bytes, in: 0..<bytes.count)
    }

    init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 70, position < end {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    mutating func tag() -> Tag? {
        guard let raw = varint(), raw <= UInt64(UInt32.max),
            let type = WireType(rawValue: UInt8(raw & 7)), raw >> 3 != 0
        else { return nil }
        return Tag(number: Int(raw >> 3), type: type)
    }

    /// The bytes of a length-delimited value, as a range of ``bytes``.
    mutating func range() -> Range<Int>? {
        guard let length = varint(), length <= UInt64(end - position) else { return nil }
        let start = position
        position += Int(length)
        return start..<position
    }

    mutating func fixed32() -> UInt32? {
        guard end - position >= 4 else { return nil }
        var value: UInt32 = 0
        for index in 0..<4 { value |= UInt32(bytes[position + index]) << UInt32(8 * index) }
        position += 4
        return value
    }

    mutating func fixed64() -> UInt64? {
        guard end - position >= 8 else { return nil }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += 8
        return value
    }

    /// Steps over one value; groups are refused.
    mutating func skip(_ type: WireType) -> Bool {
        switch type {
        case .varint: varint() != nil
        case .fixed64: fixed64() != nil
        case .fixed32: fixed32() != nil
        case .lengthDelimited: range() != nil
        case .groupStart, .groupEnd: false
        }
    }
}
