extension DescriptorBuilder {
    /// `DescriptorProto`.
    mutating func addMessage(
        _ range: Range<Int>, _ scope: DescriptorScope
    ) throws(DescriptorError) -> Int {
        guard scope.depth < Self.maxNesting else {
            throw DescriptorError(.tooLarge, scope.name, "messages are declared too deep")
        }
        var message = DescriptorStorage.Message()
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: scope.name) {
            switch (item.number, item.range) {
            case (1, _): message.name = try identifier(item, in: scope.name)
            case (7, let options?): message.options += bytes[options]
            case (8, let range?): message.oneofs.append(try oneof(range, in: message.name))
            default: break
            }
        }
        guard !message.name.isEmpty else {
            throw DescriptorError(.invalid, scope.name, "a message has no name")
        }
        message.fullName = scope.fullName(message.name)
        message.file = scope.file
        message.parent = scope.message
        message.isMapEntry = try option(7, of: message.options, in: message.fullName) ?? false
        message.wellKnown = WellKnownType(rawValue: message.fullName)

        let index = tables.messages.count
        try declare(message.fullName, .message(index))
        for oneof in message.oneofs {
            try declare("\(message.fullName).\(oneof.name)", .oneof(message: index))
        }
        tables.messages.append(message)
        try addMembers(range, of: index, depth: scope.depth + 1)
        return index
    }

    private mutating func addMembers(
        _ range: Range<Int>, of index: Int, depth: Int
    ) throws(DescriptorError) {
        let fullName = tables.messages[index].fullName
        let inner = DescriptorScope(
            file: tables.messages[index].file, name: fullName, message: index, depth: depth)
        var fields: [ParsedField] = []
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: fullName) {
            guard let range = item.range else { continue }
            switch item.number {
            case 2:
                var parsed = try field(range, inner)
                parsed.field.message = index
                fields.append(parsed)
            case 3:
                let nested = try addMessage(range, inner)
                tables.messages[index].nestedMessages.append(nested)
            case 4:
                let nested = try addEnumeration(range, inner)
                tables.messages[index].nestedEnumerations.append(nested)
            case 6:
                try addExtension(range, inner)
            default: break
            }
        }
        try addFields(fields, to: index)
    }

    private mutating func addFields(
        _ parsed: [ParsedField], to index: Int
    ) throws(DescriptorError) {
        let sorted = parsed.sorted { $0.field.number < $1.field.number }
        let first = tables.fields.count
        for (offset, item) in sorted.enumerated() {
            let field = item.field
            if offset > 0, sorted[offset - 1].field.number == field.number {
                throw DescriptorError(
                    .duplicate, field.fullName, "number \(field.number) is used twice")
            }
            try declare(field.fullName, .field(first + offset))
            append(item)
            if let oneof = field.oneof {
                guard tables.messages[index].oneofs.indices.contains(oneof), !field.isRepeated
                else {
                    throw DescriptorError(.invalid, field.fullName, "no such oneof")
                }
                tables.messages[index].oneofs[oneof].fields.append(first + offset)
            }
        }
        tables.messages[index].fields = first..<tables.fields.count
        // Declared names win over JSON names.
        for field in first..<tables.fields.count {
            tables.messages[index].fieldsByName[tables.fields[field].name] = field
        }
        for field in first..<tables.fields.count
        where tables.messages[index].fieldsByName[tables.fields[field].jsonName] == nil {
            tables.messages[index].fieldsByName[tables.fields[field].jsonName] = field
        }
        for (number, oneof) in tables.messages[index].oneofs.enumerated() {
            let synthetic = oneof.fields.contains { tables.fields[$0].isProto3Optional }
            guard !oneof.fields.isEmpty, !synthetic || oneof.fields.count == 1 else {
                throw DescriptorError(
                    .invalid, "\(tables.messages[index].fullName).\(oneof.name)",
                    "an empty oneof, or a synthetic one with several members")
            }
            tables.messages[index].oneofs[number].isSynthetic = synthetic
        }
    }

    private func oneof(
        _ range: Range<Int>, in subject: String
    ) throws(DescriptorError) -> DescriptorStorage.Oneof {
        var oneof = DescriptorStorage.Oneof()
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: subject) {
            switch (item.number, item.range) {
            case (1, _): oneof.name = try identifier(item, in: subject)
            case (2, let options?): oneof.options += bytes[options]
            default: break
            }
        }
        guard !oneof.name.isEmpty else {
            throw DescriptorError(.invalid, subject, "a oneof has no name")
        }
        return oneof
    }

    /// A boolean option; nil when it is not set.
    func option(
        _ number: Int, of options: [UInt8], in subject: String
    ) throws(DescriptorError) -> Bool? {
        var reader = WireReader(options)
        var value: Bool?
        while !reader.isAtEnd {
            guard let item = reader.item() else {
                throw DescriptorError(.malformed, subject, "malformed options")
            }
            if item.number == number, let varint = item.varint { value = varint != 0 }
        }
        return value
    }
}
