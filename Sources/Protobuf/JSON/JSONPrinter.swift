/// Turns wire bytes into JSON, by descriptors.
///
/// The bytes of each message are scanned first, so that the walk itself meets no surprise; an `Any`'s
/// payload is scanned when it is reached, with what is left of the depth.
struct JSONPrinter {
    var text: JSONText
    let pool: DescriptorPool
    let options: ProtobufJSON.PrintOptions
    /// What is printed now: a message, or the payload of an `Any` in it.
    var bytes: [UInt8] = []

    init(pool: DescriptorPool, options: ProtobufJSON.PrintOptions) {
        text = JSONText(pretty: options.pretty)
        self.pool = pool
        self.options = options
    }

    /// Prints a serialized message.
    mutating func print(
        _ message: [UInt8], as type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        try enter(message, as: type, depth: depth) { printer throws(JSONError) in
            try printer.message([0..<message.count], type, depth: depth)
        }
    }

    /// Scans a serialized message and makes it the one that ranges refer to, for as long as `body` runs.
    mutating func enter(
        _ message: [UInt8], as type: MessageDescriptor, depth: Int,
        _ body: (inout JSONPrinter) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard depth <= options.limits.maxDepth else {
            throw JSONError(.tooDeep, path: "", "nested too deep")
        }
        var limits = options.limits
        limits.maxDepth -= depth - 1
        do throws(DecodingError) {
            try WireScan.check(message, as: type, limits: limits)
        } catch {
            throw JSONError(.invalidMessage, path: error.path, error.message)
        }
        let outer = bytes
        bytes = message
        try body(&self)
        bytes = outer
    }

    /// One message, of which the bytes may be in several places.
    mutating func message(
        _ parts: [Range<Int>], _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        if let wellKnown = type.record.wellKnown, wellKnown != .empty {
            try self.wellKnown(wellKnown, parts, type, depth: depth)
        } else {
            text.open("{")
            try members(parts, type, depth: depth)
            text.close("}")
        }
    }

    /// The fields, without the braces.
    mutating func members(
        _ parts: [Range<Int>], _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        guard text.bytes.count <= options.maxTextBytes else {
            throw JSONError(
                .tooLarge, path: "", "the JSON is larger than \(options.maxTextBytes) bytes")
        }
        let content = MessageContent(bytes, parts, type)
        if options.defaults {
            try membersWithDefaults(content, type, depth: depth)
            return
        }
        for group in content.groups() {
            try member(FieldDescriptor(type.storage, group.field), group, depth: depth)
        }
    }

    private mutating func membersWithDefaults(
        _ content: MessageContent, _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        var groups = content.groups()[...]
        for field in type.fields {
            if let group = groups.first, group.field == field.index {
                try member(field, group, depth: depth)
                groups.removeFirst()
            } else if !field.hasPresence {
                try member(field, nil, depth: depth)
            }
        }
    }

    /// - Parameter group: nil prints the default.
    private mutating func member(
        _ field: FieldDescriptor, _ group: MessageContent.Group?, depth: Int
    ) throws(JSONError) {
        do throws(JSONError) {
            if field.isRepeated {
                if field.isMap {
                    try map(field, group?.values ?? [], depth: depth)
                } else {
                    try list(field, group?.values ?? [], depth: depth)
                }
            } else if let type = field.messageType {
                key(field)
                try message(group?.values.compactMap(\.range) ?? [], type, depth: depth + 1)
            } else {
                let value = group?.values.last
                if let value, !field.hasPresence, !options.defaults, value.isDefault(of: field.kind)
                {
                    return
                }
                key(field)
                scalar(value, field)
            }
        } catch {
            throw error.inside(field.name)
        }
    }

    private mutating func key(_ field: FieldDescriptor) {
        if options.declaredNames {
            text.key(field.name)
        } else {
            text.key(escaped: field.record.jsonKey)
        }
    }

    private mutating func list(
        _ field: FieldDescriptor, _ values: ArraySlice<WireItem>, depth: Int
    ) throws(JSONError) {
        var index = 0
        var isOpen = false
        for value in values {
            if let type = field.messageType {
                if !isOpen { openList(field, &isOpen) }
                text.separate()
                do throws(JSONError) {
                    try message(value.range.map { [$0] } ?? [], type, depth: depth + 1)
                } catch {
                    throw error.inside("[\(index)]")
                }
                index += 1
            } else if let range = value.range, field.kind.isPackable {
                var reader = WireReader(bytes, in: range)
                while !reader.isAtEnd, let element = reader.element(of: field.kind) {
                    if !isOpen { openList(field, &isOpen) }
                    text.separate()
                    scalar(WireItem(number: field.number, value: element), field)
                }
            } else {
                if !isOpen { openList(field, &isOpen) }
                text.separate()
                scalar(value, field)
            }
        }
        if !isOpen, options.defaults { openList(field, &isOpen) }
        if isOpen { text.close("]") }
    }

    private mutating func openList(_ field: FieldDescriptor, _ isOpen: inout Bool) {
        key(field)
        text.open("[")
        isOpen = true
    }

    private mutating func map(
        _ field: FieldDescriptor, _ values: ArraySlice<WireItem>, depth: Int
    ) throws(JSONError) {
        if values.isEmpty, !options.defaults { return }
        key(field)
        text.open("{")
        try mapEntries(field, values, depth: depth)
        text.close("}")
    }

    /// Entries in their order, the last of equal keys in the place of the first.
    mutating func mapEntries(
        _ field: FieldDescriptor, _ values: ArraySlice<WireItem>, depth: Int
    ) throws(JSONError) {
        guard let type = field.messageType, let (keyField, valueField) = field.mapFields else {
            return
        }
        var entries: [(key: [UInt8], value: ArraySlice<WireItem>)] = []
        var places: [[UInt8]: Int] = [:]
        for range in values.compactMap(\.range) {
            let groups = MessageContent(bytes, [range], type).groups()
            let key = keyText(groups.first { $0.field == keyField.index }?.values.last, keyField)
            let value = groups.first { $0.field == valueField.index }?.values ?? []
            if let place = places[key] {
                entries[place].value = value
            } else {
                places[key] = entries.count
                entries.append((key, value))
            }
        }
        for entry in entries {
            text.key(entry.key[...])
            if let type = valueField.messageType {
                do throws(JSONError) {
                    try message(entry.value.compactMap(\.range), type, depth: depth + 2)
                } catch {
                    let key = FieldPath.quoted(String(decoding: entry.key, as: UTF8.self))
                    throw error.inside("[\(key)]")
                }
            } else {
                scalar(entry.value.last, valueField)
            }
        }
    }
}
