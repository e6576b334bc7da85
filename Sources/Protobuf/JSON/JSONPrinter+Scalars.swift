extension JSONPrinter {
    /// Prints a scalar; nil is the kind's default.
    mutating func scalar(_ item: WireItem?, _ field: FieldDescriptor) {
        switch field.kind {
        case .double: text.number(Double(bitPattern: item?.fixed64 ?? 0))
        case .float: text.number(Float(bitPattern: item?.fixed32 ?? 0))
        case .bool: text.raw(item?.varint ?? 0 == 0 ? "false" : "true")
        case .string: text.string(bytes[item?.range ?? 0..<0])
        case .bytes: text.base64(bytes[item?.range ?? 0..<0])
        case .enumeration: enumeration(item?.varint ?? 0, field)
        case .int64, .uint64, .sint64, .fixed64, .sfixed64:
            text.quoted(Self.integer(item, field.kind))
        default: text.raw(Self.integer(item, field.kind))
        }
    }

    private mutating func enumeration(_ value: UInt64, _ field: FieldDescriptor) {
        let number = Int32(truncatingIfNeeded: value)
        if field.enumeration?.isNullValue == true {
            text.raw("null")
        } else if !options.enumNumbers, let name = field.enumeration?.name(of: number) {
            text.quoted(name)
        } else {
            text.raw(String(number))
        }
    }

    /// What a map's key is called.
    func keyText(_ item: WireItem?, _ field: FieldDescriptor) -> [UInt8] {
        switch field.kind {
        case .string: Array(bytes[item?.range ?? 0..<0])
        case .bool: Array((item?.varint ?? 0 == 0 ? "false" : "true").utf8)
        default: Array(Self.integer(item, field.kind).utf8)
        }
    }

    private static func integer(_ item: WireItem?, _ kind: FieldKind) -> String {
        switch kind {
        case .int32: String(Int32(truncatingIfNeeded: item?.varint ?? 0))
        case .int64: String(Int64(bitPattern: item?.varint ?? 0))
        case .uint32: String(UInt32(truncatingIfNeeded: item?.varint ?? 0))
        case .uint64: String(item?.varint ?? 0)
        case .sint32: String(zigzag(UInt32(truncatingIfNeeded: item?.varint ?? 0)))
        case .sint64: String(zigzag(item?.varint ?? 0))
        case .fixed32: String(item?.fixed32 ?? 0)
        case .sfixed32: String(Int32(bitPattern: item?.fixed32 ?? 0))
        case .fixed64: String(item?.fixed64 ?? 0)
        case .sfixed64: String(Int64(bitPattern: item?.fixed64 ?? 0))
        default: "0"
        }
    }

    private static func zigzag(_ value: UInt32) -> Int32 {
        Int32(bitPattern: value >> 1) ^ -Int32(bitPattern: value & 1)
    }

    private static func zigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

extension WireItem {
    var fixed32: UInt32? {
        if case .fixed32(let value) = value { value } else { nil }
    }

    var fixed64: UInt64? {
        if case .fixed64(let value) = value { value } else { nil }
    }
}
