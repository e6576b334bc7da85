/// Resolves the names that fields and methods refer to, and checks what can only be checked then.
struct DescriptorLinker {
    private var tables: DescriptorTables
    private let fieldTypeNames: [String]
    private let packedOptions: [Bool?]
    private let methodTypeNames: [[(input: String, output: String)]]

    init(_ builder: DescriptorBuilder) {
        tables = builder.tables
        fieldTypeNames = builder.fieldTypeNames
        packedOptions = builder.packedOptions
        methodTypeNames = builder.methodTypeNames
    }

    mutating func linked() throws(DescriptorError) -> DescriptorTables {
        for file in tables.files {
            for path in file.dependencies where tables.filesByPath[path] == nil {
                throw DescriptorError(.unresolved, file.path, "imports \(path), which is missing")
            }
        }
        for index in tables.fields.indices { try link(field: index) }
        for index in tables.services.indices { try link(service: index) }
        for index in tables.messages.indices {
            let message = tables.messages[index]
            if message.isMapEntry { try check(mapEntry: message) }
            if let type = message.wellKnown { try check(message, is: type) }
        }
        return tables
    }

    private mutating func link(field index: Int) throws(DescriptorError) {
        var field = tables.fields[index]
        let typeName = fieldTypeNames[index]
        let scope = enclosingScope(of: field.fullName)
        switch field.kind {
        case .message, .group, .enumeration:
            switch resolve(typeName, in: scope) {
            case .message(let message)? where field.kind != .enumeration:
                field.messageType = message
                if tables.messages[message].isMapEntry,
                    !field.isRepeated || tables.messages[message].parent != field.message
                {
                    throw DescriptorError(.invalid, field.fullName, "a map entry used as a message")
                }
            case .enumeration(let enumeration)? where field.kind != .group:
                field.enumeration = enumeration
                field.kind = .enumeration
            default:
                throw DescriptorError(.unresolved, field.fullName, "no type '\(typeName)'")
            }
        default: break
        }
        if field.isExtension {
            guard case .message(let message)? = resolve(field.extendee, in: scope) else {
                throw DescriptorError(.unresolved, field.fullName, "extends '\(field.extendee)'")
            }
            field.message = message
            field.extendee = tables.messages[message].fullName
        }
        let isProto3 = tables.files[field.file].syntax == "proto3"
        field.isPacked =
            field.isRepeated && field.kind.isPackable && (packedOptions[index] ?? isProto3)
        field.hasPresence =
            !field.isRepeated
            && (field.messageType != nil || field.oneof != nil || !isProto3 || field.isExtension)
        var key = JSONText(pretty: false)
        key.string(Array(field.jsonName.utf8)[...])
        field.jsonKey = key.bytes
        tables.fields[index] = field
    }

    private mutating func link(service index: Int) throws(DescriptorError) {
        let scope = tables.services[index].fullName
        for (number, names) in methodTypeNames[index].enumerated() {
            guard case .message(let input)? = resolve(names.input, in: scope),
                case .message(let output)? = resolve(names.output, in: scope)
            else {
                throw DescriptorError(
                    .unresolved, "\(scope).\(tables.services[index].methods[number].name)",
                    "no type '\(names.input)' or '\(names.output)'")
            }
            tables.services[index].methods[number].input = input
            tables.services[index].methods[number].output = output
        }
    }

    private func enclosingScope(of fullName: String) -> String {
        guard let dot = fullName.lastIndex(of: ".") else { return "" }
        return String(fullName[..<dot])
    }

    /// With a leading dot the name is full; else the innermost scope that has it wins.
    private func resolve(_ name: String, in scope: String) -> DescriptorStorage.Symbol? {
        if name.utf8.first == 46 { return tables.symbols[String(name.dropFirst())] }
        var scope = scope
        while !scope.isEmpty {
            if let found = tables.symbols["\(scope).\(name)"] { return found }
            scope = enclosingScope(of: scope)
        }
        return tables.symbols[name]
    }

    private func check(mapEntry message: DescriptorStorage.Message) throws(DescriptorError) {
        let fields = tables.fields[message.fields]
        guard fields.count == 2, let key = fields.first, let value = fields.last, key.number == 1,
            value.number == 2, !key.isRepeated, !value.isRepeated, value.kind != .group
        else {
            throw DescriptorError(.invalid, message.fullName, "a map entry has a key and a value")
        }
        switch key.kind {
        case .double, .float, .bytes, .message, .group, .enumeration:
            throw DescriptorError(.invalid, message.fullName, "not a type for map keys")
        default: break
        }
    }

    /// The JSON code relies on the numbers and types of the well-known messages.
    private func check(
        _ message: DescriptorStorage.Message, is type: WellKnownType
    ) throws(DescriptorError) {
        let fields = tables.fields[message.fields]
        let matches = type.shape.allSatisfy { expected in
            fields.contains {
                $0.number == expected.number && $0.kind == expected.kind
                    && $0.isRepeated == expected.isRepeated
                    && (expected.message == nil
                        || $0.messageType.map { tables.messages[$0].wellKnown } == expected.message)
            }
        }
        var mapsToValues = true
        if type == .structure, let entry = fields.first?.messageType {
            let value = tables.fields[tables.messages[entry].fields].last?.messageType
            mapsToValues =
                tables.messages[entry].isMapEntry
                && value.map { tables.messages[$0].wellKnown } == .value
        }
        guard matches, mapsToValues, fields.count == type.shape.count else {
            throw DescriptorError(.invalid, message.fullName, "not what the well-known type is")
        }
    }
}
