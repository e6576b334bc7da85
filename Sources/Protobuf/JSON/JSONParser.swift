/// Turns JSON into wire bytes in one pass, by descriptors.
///
/// Recursion is bounded: every object and array stands for at least one message level, counted in
/// `depth`, so that what parses here also passes ``WireScan`` with the same limits.
struct JSONParser {
    var reader: JSONReader
    var output = WireWriter()
    let pool: DescriptorPool
    let options: ProtobufJSON.ParseOptions
    private var elements = 0

    init(_ text: [UInt8], pool: DescriptorPool, options: ProtobufJSON.ParseOptions) {
        reader = JSONReader(text)
        self.pool = pool
        self.options = options
    }

    mutating func parse(_ type: MessageDescriptor) throws(JSONError) -> [UInt8] {
        if let offset = UTF8Text.firstInvalid(reader.bytes) {
            throw reader.error(.syntax, "the text is not valid UTF-8", at: offset)
        }
        try message(type, depth: 1)
        guard reader.peek() == nil else { throw reader.unexpected("the end of the text") }
        guard output.bytes.count <= options.limits.maxBytes else {
            throw reader.error(
                .tooLarge, "the message is larger than \(options.limits.maxBytes) bytes")
        }
        return output.bytes
    }

    /// One JSON value as the content of a message.
    mutating func message(_ type: MessageDescriptor, depth: Int) throws(JSONError) {
        guard depth <= options.limits.maxDepth else { throw reader.tooDeep() }
        if let wellKnown = type.record.wellKnown, wellKnown != .empty {
            try self.wellKnown(wellKnown, type, depth: depth)
        } else {
            try object(type, depth: depth)
        }
    }

    /// An object with a member for each field.
    ///
    /// - Parameter isAny: Whether a member `@type` is to be stepped over.
    mutating func object(
        _ type: MessageDescriptor, depth: Int, isAny: Bool = false
    ) throws(JSONError) {
        guard reader.take(UInt8(ascii: "{")) else { throw reader.invalid("expected an object") }
        if reader.take(UInt8(ascii: "}")) { return }
        var seen = SeenFields(type.record)
        repeat {
            let start = reader.position
            let key = try reader.string()
            try reader.expect(UInt8(ascii: ":"), "':'")
            let name = String(decoding: key, as: UTF8.self)
            if isAny, name == "@type" {
                try reader.skip(depth: 1)
                continue
            }
            guard let index = type.record.fieldsByName[name] else {
                guard options.ignoreUnknown else {
                    throw reader.error(
                        .unknownField, "\(type.fullName) has no such field", at: start
                    ).inside(Self.pathName(name))
                }
                try reader.skip(depth: options.limits.maxDepth - depth)
                continue
            }
            let field = FieldDescriptor(type.storage, index)
            do throws(JSONError) {
                guard seen.insert(field: index) else {
                    throw reader.error(.duplicate, "the field is there twice", at: start)
                }
                let wasSet = try value(of: field, depth: depth)
                if wasSet, let oneof = field.record.oneof, !seen.insert(oneof: oneof) {
                    let name = type.record.oneofs[oneof].name
                    throw reader.error(
                        .duplicate, "another field of oneof '\(name)' is set", at: start)
                }
            } catch {
                throw error.inside(field.name)
            }
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "}"), "',' or '}'")
    }

    /// A name from the text, short and harmless enough for a path.
    static func pathName(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        return isPlain && !name.isEmpty && name.utf8.count <= 64 ? name : FieldPath.quoted(name)
    }

    mutating func countElement() throws(JSONError) {
        elements += 1
        guard elements <= options.limits.maxElements else {
            throw reader.error(
                .tooLarge, "more than \(options.limits.maxElements) fields and elements")
        }
    }

    /// Writes a field.
    ///
    /// - Returns: Whether it is set now; a `null` mostly leaves it unset.
    private mutating func value(
        of field: FieldDescriptor, depth: Int
    ) throws(JSONError) -> Bool {
        try countElement()
        if !acceptsNull(field) || field.isRepeated, try reader.takeNull() { return false }
        if field.isMap {
            try map(field, depth: depth)
            return true
        }
        if field.isRepeated {
            try list(field, depth: depth)
            return true
        }
        return try singular(field, depth: depth)
    }

    /// Whether `null` is a value of the field, not its absence.
    func acceptsNull(_ field: FieldDescriptor) -> Bool {
        if field.kind == .enumeration { return field.enumeration?.isNullValue == true }
        return field.messageType?.record.wellKnown == .value
    }

    private mutating func singular(
        _ field: FieldDescriptor, depth: Int
    ) throws(JSONError) -> Bool {
        if let type = field.messageType {
            let mark = output.begin(field.number)
            try message(type, depth: depth + 1)
            output.end(mark)
            return true
        }
        guard let scalar = try scalar(field) else { return false }
        // What has no presence is not written when it is the default.
        if field.hasPresence || !scalar.isDefault { write(scalar, field) }
        return true
    }

    private mutating func list(_ field: FieldDescriptor, depth: Int) throws(JSONError) {
        guard reader.take(UInt8(ascii: "[")) else { throw reader.invalid("expected an array") }
        if reader.take(UInt8(ascii: "]")) { return }
        let pack = field.isPacked ? output.begin(field.number) : nil
        var index = 0
        repeat {
            do throws(JSONError) {
                try countElement()
                if !acceptsNull(field), reader.peek() == UInt8(ascii: "n") {
                    throw reader.invalid("an element cannot be null")
                }
                if let type = field.messageType {
                    let mark = output.begin(field.number)
                    try message(type, depth: depth + 1)
                    output.end(mark)
                } else if let scalar = try scalar(field) {
                    if pack == nil { write(scalar, field) } else { write(value: scalar, field) }
                }
            } catch {
                throw error.inside("[\(index)]")
            }
            index += 1
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "]"), "',' or ']'")
        guard let pack else { return }
        if output.isEmpty(since: pack) { output.cancel(pack) } else { output.end(pack) }
    }

    private mutating func map(_ field: FieldDescriptor, depth: Int) throws(JSONError) {
        guard let (keyField, valueField) = field.mapFields else {
            throw reader.error(.invalidMessage, "not a map")
        }
        guard reader.take(UInt8(ascii: "{")) else { throw reader.invalid("expected an object") }
        if reader.take(UInt8(ascii: "}")) { return }
        guard depth < options.limits.maxDepth else { throw reader.tooDeep() }
        var keys: Set<Scalar> = []
        repeat {
            let start = reader.position
            let name = try reader.string()
            do throws(JSONError) {
                try countElement()
                let key = try mapKey(name, keyField, at: start)
                guard keys.insert(key).inserted else {
                    throw reader.error(.duplicate, "the key is there twice", at: start)
                }
                try reader.expect(UInt8(ascii: ":"), "':'")
                if !acceptsNull(valueField), reader.peek() == UInt8(ascii: "n") {
                    throw reader.invalid("a map's value cannot be null")
                }
                let mark = output.begin(field.number)
                write(key, keyField)
                if let type = valueField.messageType {
                    let inner = output.begin(2)
                    try message(type, depth: depth + 2)
                    output.end(inner)
                } else if let scalar = try scalar(valueField) {
                    write(scalar, valueField)
                } else {
                    // An enum name that is unknown and ignored.
                    output.cancel(mark)
                    continue
                }
                output.end(mark)
            } catch {
                throw error.inside("[\(FieldPath.quoted(String(decoding: name, as: UTF8.self)))]")
            }
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "}"), "',' or '}'")
    }
}

/// Which fields and oneofs of one message were there.
private struct SeenFields {
    private let first: Int
    private var fields: UInt64 = 0
    private var moreFields: Set<Int> = []
    private var oneofs: Set<Int> = []

    init(_ message: DescriptorStorage.Message) {
        first = message.fields.lowerBound
    }

    /// - Returns: False when it was there before.
    mutating func insert(field index: Int) -> Bool {
        let place = index - first
        guard place < 64 else { return moreFields.insert(place).inserted }
        let bit = UInt64(1) << UInt64(place)
        defer { fields |= bit }
        return fields & bit == 0
    }

    mutating func insert(oneof index: Int) -> Bool { oneofs.insert(index).inserted }
}

extension EnumDescriptor {
    /// The only value of `google.protobuf.NullValue` is JSON's null.
    var isNullValue: Bool { fullName == "google.protobuf.NullValue" }
}
