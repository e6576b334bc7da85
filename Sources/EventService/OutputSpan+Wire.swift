import Events

// Protobuf's wire format, for fields below 16 and without what is empty, into memory of the size
// that ``WireSize`` tells.
extension OutputSpan<UInt8> {
    mutating func varint(_ number: UInt64) {
        var left = number
        while left > 0x7f {
            append(UInt8(truncatingIfNeeded: left) | 0x80)
            left >>= 7
        }
        append(UInt8(truncatingIfNeeded: left))
    }

    /// What comes before so many bytes.
    mutating func head(_ field: UInt8, _ count: Int) {
        append(field << 3 | 2)
        varint(UInt64(count))
    }

    mutating func number(_ field: UInt8, _ number: UInt64) {
        guard number != 0 else { return }
        append(field << 3)
        varint(number)
    }

    mutating func text(_ field: UInt8, _ text: String) {
        guard !text.isEmpty else { return }
        head(field, text.utf8.count)
        append(contentsOf: text.utf8.span)
    }

    mutating func text(_ field: UInt8, _ text: EventFields.Text, of buffer: [UInt8]) {
        guard !text.isEmpty else { return }
        head(field, text.count)
        append(contentsOf: buffer.span.extracting(text.offset..<text.offset + text.count))
    }

    /// The fields of google.protobuf.Timestamp.
    mutating func timestamp(_ timestamp: Timestamp) {
        number(1, UInt64(bitPattern: timestamp.seconds))
        number(2, UInt64(bitPattern: Int64(timestamp.nanoseconds)))
    }

    /// A UUID in text.
    mutating func id(_ id: EventID) {
        digits(id.high >> 48)
        digits(id.high >> 32)
        append(UInt8(ascii: "-"))
        digits(id.high >> 16)
        append(UInt8(ascii: "-"))
        digits(id.high)
        append(UInt8(ascii: "-"))
        digits(id.low >> 48)
        append(UInt8(ascii: "-"))
        digits(id.low >> 32)
        digits(id.low >> 16)
        digits(id.low)
    }

    /// The last 16 bits as four hexadecimal digits.
    private mutating func digits(_ number: UInt64) {
        var digits = UInt32(truncatingIfNeeded: number & 0xffff)
        // One in each byte.
        digits = (digits | digits << 8) & 0x00ff_00ff
        digits = (digits | digits << 4) & 0x0f0f_0f0f
        let letters = (digits + 0x0606_0606) >> 4 & 0x0101_0101
        digits += 0x3030_3030 + letters * 0x27
        append(UInt8(truncatingIfNeeded: digits >> 24))
        append(UInt8(truncatingIfNeeded: digits >> 16))
        append(UInt8(truncatingIfNeeded: digits >> 8))
        append(UInt8(truncatingIfNeeded: digits))
    }
}
