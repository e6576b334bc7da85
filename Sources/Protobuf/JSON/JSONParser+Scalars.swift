extension JSONParser {
    /// A value of a scalar field, as it goes on the wire.
    enum Scalar: Hashable {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        case bytes(ArraySlice<UInt8>)

        var isDefault: Bool {
            switch self {
            case .varint(let value): value == 0
            case .fixed32(let value): value == 0
            case .fixed64(let value): value == 0
            case .bytes(let value): value.isEmpty
            }
        }
    }

    mutating func write(_ scalar: Scalar, _ field: FieldDescriptor) {
        output.tag(field.number, field.kind.wireType)
        write(value: scalar, field)
    }

    /// Without the tag, for packed lists.
    mutating func write(value scalar: Scalar, _ field: FieldDescriptor) {
        switch scalar {
        case .varint(let value): output.varint(value)
        case .fixed32(let value): output.fixed32(value)
        case .fixed64(let value): output.fixed64(value)
        case .bytes(let value):
            output.varint(UInt64(value.count))
            output.append(value)
        }
    }

    /// Reads a value; nil for an unknown enum name that is ignored.
    mutating func scalar(_ field: FieldDescriptor) throws(JSONError) -> Scalar? {
        switch field.kind {
        case .enumeration: try enumeration(field)
        case .bool: .varint(try reader.bool() ? 1 : 0)
        case .string: .bytes(try text())
        case .bytes: .bytes(try binary())
        case .message, .group: throw reader.error(.invalidValue, "groups have no JSON")
        default: try number(field.kind)
        }
    }

    /// Reads a number, or a string that holds one.
    mutating func number(_ kind: FieldKind) throws(JSONError) -> Scalar {
        let start = reader.position
        let isString = reader.peek() == UInt8(ascii: "\"")
        let text = isString ? try reader.string() : try reader.number()
        if isString, !JSONNumber.isNumber(text) {
            if let special = Self.special(text, kind) { return special }
            throw reader.error(.invalidValue, "the string is no number", at: start)
        }
        guard let scalar = Self.number(text, kind) else {
            throw reader.error(
                .invalidValue, "the number is out of range, or not an integer", at: start)
        }
        return scalar
    }

    /// - Parameter text: Follows the grammar of numbers, and is not empty.
    private static func number(_ text: ArraySlice<UInt8>, _ kind: FieldKind) -> Scalar? {
        switch kind {
        case .int32:
            JSONNumber.integer(text, as: Int32.self)
                .map { .varint(UInt64(bitPattern: Int64($0))) }
        case .int64:
            JSONNumber.integer(text, as: Int64.self).map { .varint(UInt64(bitPattern: $0)) }
        case .uint32: JSONNumber.integer(text, as: UInt32.self).map { .varint(UInt64($0)) }
        case .uint64: JSONNumber.integer(text, as: UInt64.self).map { .varint($0) }
        case .sint32:
            JSONNumber.integer(text, as: Int32.self)
                .map { .varint(UInt64(UInt32(bitPattern: $0 << 1 ^ $0 >> 31))) }
        case .sint64:
            JSONNumber.integer(text, as: Int64.self)
                .map { .varint(UInt64(bitPattern: $0 << 1 ^ $0 >> 63)) }
        case .fixed32: JSONNumber.integer(text, as: UInt32.self).map { .fixed32($0) }
        case .sfixed32:
            JSONNumber.integer(text, as: Int32.self).map { .fixed32(UInt32(bitPattern: $0)) }
        case .fixed64: JSONNumber.integer(text, as: UInt64.self).map { .fixed64($0) }
        case .sfixed64:
            JSONNumber.integer(text, as: Int64.self).map { .fixed64(UInt64(bitPattern: $0)) }
        case .float:
            Float(String(decoding: text, as: UTF8.self))
                .flatMap { $0.isFinite ? .fixed32($0.bitPattern) : nil }
        case .double:
            Double(String(decoding: text, as: UTF8.self))
                .flatMap { $0.isFinite ? .fixed64($0.bitPattern) : nil }
        default: nil
        }
    }

    private static func special(_ text: ArraySlice<UInt8>, _ kind: FieldKind) -> Scalar? {
        let value: Double
        switch String(decoding: text, as: UTF8.self) {
        case "NaN": value = .nan
        case "Infinity": value = .infinity
        case "-Infinity": value = -.infinity
        default: return nil
        }
        switch kind {
        case .float: return .fixed32(Float(value).bitPattern)
        case .double: return .fixed64(value.bitPattern)
        default: return nil
        }
    }

    /// A `string`; U+0000 is refused as everywhere, since C ends a string there.
    mutating func text() throws(JSONError) -> ArraySlice<UInt8> {
        let start = reader.position
        let content = try reader.string()
        guard !content.contains(0) else {
            throw reader.error(.invalidValue, "contains a NUL character", at: start)
        }
        return content
    }

    mutating func binary() throws(JSONError) -> ArraySlice<UInt8> {
        let start = reader.position
        guard let content = Base64.decode(try reader.string()) else {
            throw reader.error(.invalidValue, "not valid base64", at: start)
        }
        return content[...]
    }

    private mutating func enumeration(_ field: FieldDescriptor) throws(JSONError) -> Scalar? {
        guard let type = field.enumeration else {
            throw reader.error(.invalidValue, "the enum is not known")
        }
        if type.isNullValue, try reader.takeNull() { return .varint(0) }
        let start = reader.position
        if reader.isAtNumber {
            guard let number = JSONNumber.integer(try reader.number(), as: Int32.self) else {
                throw reader.error(.invalidValue, "no number of an enum", at: start)
            }
            return .varint(UInt64(bitPattern: Int64(number)))
        }
        let name = String(decoding: try reader.string(), as: UTF8.self)
        if let number = type.number(of: name) { return .varint(UInt64(bitPattern: Int64(number))) }
        if options.ignoreUnknown { return nil }
        throw reader.error(
            .invalidValue, "\(type.fullName) has no value of this name", at: start)
    }

    /// A map's key: always a string in JSON.
    func mapKey(
        _ text: ArraySlice<UInt8>, _ field: FieldDescriptor, at start: Int
    ) throws(JSONError) -> Scalar {
        let key: Scalar?
        switch field.kind {
        case .string: key = text.contains(0) ? nil : .bytes(text)
        case .bool:
            switch String(decoding: text, as: UTF8.self) {
            case "true": key = .varint(1)
            case "false": key = .varint(0)
            default: key = nil
            }
        default:
            key = JSONNumber.isNumber(text) ? Self.number(text, field.kind) : nil
        }
        guard let key else {
            throw reader.error(.invalidValue, "not a key of this map", at: start)
        }
        return key
    }
}
