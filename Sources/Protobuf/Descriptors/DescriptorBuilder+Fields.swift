/// A field whose type is still a name.
struct ParsedField {
    var field = DescriptorStorage.Field()
    var typeName = ""
    var packed: Bool?
}

extension DescriptorBuilder {
    /// `FieldDescriptorProto`.
    func field(_ range: Range<Int>, _ scope: DescriptorScope) throws(DescriptorError) -> ParsedField
    {
        var parsed = ParsedField()
        var label: UInt64 = 1
        var kind: UInt64 = 0
        var number: UInt64 = 0
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: scope.name) {
            switch (item.number, item.value) {
            case (1, _): parsed.field.name = try identifier(item, in: scope.name)
            case (2, _): parsed.field.extendee = try string(item, in: scope.name)
            case (3, .varint(let value)): number = value
            case (4, .varint(let value)): label = value
            case (5, .varint(let value)): kind = value
            case (6, _): parsed.typeName = try string(item, in: scope.name)
            case (7, _): parsed.field.defaultText = try string(item, in: scope.name)
            case (8, .range(let options)): parsed.field.options += bytes[options]
            case (9, .varint(let value)): parsed.field.oneof = Int(truncatingIfNeeded: value)
            case (10, _): parsed.field.jsonName = try string(item, in: scope.name)
            case (17, .varint(let value)): parsed.field.isProto3Optional = value != 0
            default: break
            }
        }
        let fullName = scope.fullName(parsed.field.name)
        guard !parsed.field.name.isEmpty else {
            throw DescriptorError(.invalid, scope.name, "a field has no name")
        }
        guard (1...0x1fff_ffff).contains(number), !(19_000...19_999).contains(number) else {
            throw DescriptorError(.invalid, fullName, "field number \(number) is not allowed")
        }
        guard (1...3).contains(label) else {
            throw DescriptorError(.invalid, fullName, "no such label")
        }
        // Without a type, the linker sees whether the type name is a message or an enum.
        if kind != 0 || parsed.typeName.isEmpty {
            guard let known = FieldKind(rawValue: UInt8(clamping: kind)) else {
                throw DescriptorError(.invalid, fullName, "no such type")
            }
            parsed.field.kind = known
        } else {
            parsed.field.kind = .message
        }
        parsed.field.fullName = fullName
        parsed.field.number = Int(number)
        parsed.field.file = scope.file
        parsed.field.isRepeated = label == 3
        parsed.field.isRequired = label == 2
        parsed.packed = try option(2, of: parsed.field.options, in: fullName)
        if parsed.field.jsonName.isEmpty {
            parsed.field.jsonName = Self.jsonName(of: parsed.field.name)
        }
        return parsed
    }

    mutating func addExtension(
        _ range: Range<Int>, _ scope: DescriptorScope
    ) throws(DescriptorError) {
        var parsed = try field(range, scope)
        parsed.field.isExtension = true
        parsed.field.jsonName = "[\(parsed.field.fullName)]"
        guard !parsed.field.extendee.isEmpty, parsed.field.oneof == nil else {
            throw DescriptorError(.invalid, parsed.field.fullName, "an extension of nothing")
        }
        let index = tables.fields.count
        try declare(parsed.field.fullName, .field(index))
        append(parsed)
        tables.files[scope.file].extensions.append(index)
        if let message = scope.message { tables.messages[message].extensions.append(index) }
    }

    mutating func append(_ parsed: ParsedField) {
        tables.fields.append(parsed.field)
        fieldTypeNames.append(parsed.typeName)
        packedOptions.append(parsed.packed)
    }

    /// lowerCamelCase as protoc makes it: underscores go, the letter after one becomes upper case.
    static func jsonName(of name: String) -> String {
        var result: [UInt8] = []
        var raise = false
        for byte in name.utf8 {
            if byte == 95 {
                raise = true
            } else {
                result.append(raise && (97...122).contains(byte) ? byte - 32 : byte)
                raise = false
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
