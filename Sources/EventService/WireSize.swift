import Events

/// What fields take in protobuf's wire format, heads included: for fields below 16, without what is
/// empty.
enum WireSize {
    /// A UUID in text, without its head.
    static let id = 36

    static func varint(_ number: UInt64) -> Int {
        (70 - (number | 1).leadingZeroBitCount) / 7
    }

    /// A field of so many bytes; nothing when there are none.
    static func of(_ count: Int) -> Int { count == 0 ? 0 : of(always: count) }

    static func of(always count: Int) -> Int { 1 + varint(UInt64(count)) + count }

    static func of(_ text: String) -> Int { of(text.utf8.count) }

    static func of(_ text: EventFields.Text) -> Int { of(text.count) }

    static func of(_ number: UInt64) -> Int { number == 0 ? 0 : 1 + varint(number) }

    static func of(_ timestamp: Timestamp) -> Int {
        of(UInt64(bitPattern: timestamp.seconds))
            + of(UInt64(bitPattern: Int64(timestamp.nanoseconds)))
    }
}
