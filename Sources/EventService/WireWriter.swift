import Events

/// Protobuf's wire format, for fields below 16 and without what is empty.
struct WireWriter {
    /// A UUID in text.
    static let idBytes = 36

    var bytes: [UInt8]

    // MARK: Writing

    mutating func varint(_ number: UInt64) {
        var left = number
        while left > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: left) | 0x80)
            left >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: left))
    }

    /// What comes before so many bytes.
    mutating func head(_ field: UInt8, _ count: Int) {
        bytes.append(field << 3 | 2)
        varint(UInt64(count))
    }

    mutating func number(_ field: UInt8, _ number: UInt64) {
        guard number != 0 else { return }
        bytes.append(field << 3)
        varint(number)
    }

    mutating func text(_ field: UInt8, _ text: String) {
        guard !text.isEmpty else { return }
        head(field, text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func text(_ field: UInt8, _ text: EventFields.Text, of buffer: [UInt8]) {
        guard !text.isEmpty else { return }
        head(field, text.count)
        bytes.append(contentsOf: buffer[text.offset..<text.offset + text.count])
    }

    /// The fields of google.protobuf.Timestamp.
    mutating func timestamp(_ timestamp: Timestamp) {
        number(1, UInt64(bitPattern: timestamp.seconds))
        number(2, UInt64(bitPattern: Int64(timestamp.nanoseconds)))
    }

    mutating func id(_ id: EventID) {
        half(id.high, hyphens: 0b1000_1000)
        bytes.append(UInt8(ascii: "-"))
        half(id.low, hyphens: 0b0000_1000_0000_0000)
    }

    /// - Parameter hyphens: A bit for each digit that a hyphen stands before, the first at the left.
    private mutating func half(_ number: UInt64, hyphens: UInt16) {
        var shift: UInt64 = 64
        while shift > 0 {
            shift -= 4
            if hyphens >> (shift / 4) & 1 == 1 { bytes.append(UInt8(ascii: "-")) }
            let digit = UInt8(truncatingIfNeeded: number >> shift & 0xf)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    // MARK: Measuring

    static func varintSize(_ number: UInt64) -> Int {
        (70 - (number | 1).leadingZeroBitCount) / 7
    }

    /// A field of so many bytes; nothing when there are none.
    static func size(_ count: Int) -> Int { count == 0 ? 0 : size(always: count) }

    static func size(always count: Int) -> Int { 1 + varintSize(UInt64(count)) + count }

    static func size(_ text: String) -> Int { size(text.utf8.count) }

    static func size(_ text: EventFields.Text) -> Int { size(text.count) }

    static func size(_ number: UInt64) -> Int { number == 0 ? 0 : 1 + varintSize(number) }

    static func size(_ timestamp: Timestamp) -> Int {
        size(UInt64(bitPattern: timestamp.seconds))
            + size(UInt64(bitPattern: Int64(timestamp.nanoseconds)))
    }
}
