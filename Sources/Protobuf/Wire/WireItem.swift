/// One field as it is on the wire.
struct WireItem {
    enum Value {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        /// Where the bytes are in the reader's array.
        case range(Range<Int>)
    }

    let number: Int
    let value: Value

    var varint: UInt64? {
        if case .varint(let value) = value { value } else { nil }
    }

    var range: Range<Int>? {
        if case .range(let range) = value { range } else { nil }
    }
}

extension WireReader {
    /// The next field; nil when it is malformed. Groups are refused.
    mutating func item() -> WireItem? {
        guard let tag = tag() else { return nil }
        let value: WireItem.Value?
        switch tag.type {
        case .varint: value = varint().map { .varint($0) }
        case .fixed32: value = fixed32().map { .fixed32($0) }
        case .fixed64: value = fixed64().map { .fixed64($0) }
        case .lengthDelimited: value = range().map { .range($0) }
        case .groupStart, .groupEnd: value = nil
        }
        return value.map { WireItem(number: tag.number, value: $0) }
    }
}
