/// Appends wire values to a buffer.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func tag(_ number: Int, _ type: WireType) {
        varint(UInt64(number) << 3 | UInt64(type.rawValue))
    }

    mutating func fixed32(_ value: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func fixed64(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    mutating func append(_ content: some Collection<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// A length-delimited field in one go.
    mutating func field(_ number: Int, _ content: some Collection<UInt8>) {
        tag(number, .lengthDelimited)
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// Where a length-delimited field started; ``end(_:)`` completes it.
    struct Mark {
        /// Of the whole field.
        fileprivate let field: Int
        fileprivate let content: Int
    }

    mutating func begin(_ number: Int) -> Mark {
        let field = bytes.count
        tag(number, .lengthDelimited)
        bytes.append(0)
        return Mark(field: field, content: bytes.count)
    }

    /// Fills in the length, one byte being kept for it; a longer one shifts the content.
    mutating func end(_ mark: Mark) {
        let length = bytes.count - mark.content
        if length < 0x80 {
            bytes[mark.content - 1] = UInt8(length)
            return
        }
        var prefix = WireWriter()
        prefix.varint(UInt64(length))
        bytes.replaceSubrange(mark.content - 1..<mark.content, with: prefix.bytes)
    }

    /// Removes the field as if it had never begun.
    mutating func cancel(_ mark: Mark) {
        bytes.removeSubrange(mark.field...)
    }

    func isEmpty(since mark: Mark) -> Bool { bytes.count == mark.content }
}
