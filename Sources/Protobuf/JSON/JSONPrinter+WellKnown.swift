extension JSONPrinter {
    mutating func wellKnown(
        _ wellKnown: WellKnownType, _ parts: [Range<Int>], _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        let groups = MessageContent(bytes, parts, type).groups()
        let record = type.record
        /// The last value of a field.
        func last(_ number: Int) -> WireItem? {
            let field = type.storage.scanTable.field(number, of: type.index)
            return groups.first { $0.field == field.map { Int($0.index) } }?.values.last
        }
        switch wellKnown {
        case .timestamp:
            let (seconds, nanos) = Self.time(last(1), last(2))
            try time(TimeText.timestamp(seconds: seconds, nanos: nanos), "timestamp")
        case .duration:
            let (seconds, nanos) = Self.time(last(1), last(2))
            try time(TimeText.duration(seconds: seconds, nanos: nanos), "duration")
        case .fieldMask: try fieldMask(groups.first?.values ?? [])
        case .structure: try structure(groups.first?.values ?? [], type, depth: depth)
        case .value: try value(groups.first, type, depth: depth)
        case .listValue: try listValue(groups.first?.values ?? [], type, depth: depth)
        case .any: try any(last(1), last(2), depth: depth)
        default: scalar(last(1), FieldDescriptor(type.storage, record.fields.lowerBound))
        }
    }

    private static func time(_ seconds: WireItem?, _ nanos: WireItem?) -> (Int64, Int32) {
        (Int64(bitPattern: seconds?.varint ?? 0), Int32(truncatingIfNeeded: nanos?.varint ?? 0))
    }

    private mutating func time(_ printed: String?, _ what: String) throws(JSONError) {
        guard let printed else {
            throw JSONError(.invalidValue, path: "", "the \(what) is out of range")
        }
        text.quoted(printed)
    }

    private mutating func fieldMask(_ paths: ArraySlice<WireItem>) throws(JSONError) {
        var joined: [UInt8] = []
        for (index, path) in paths.enumerated() {
            guard let camel = FieldMaskText.camel(bytes[path.range ?? 0..<0]) else {
                throw JSONError(
                    .invalidValue, path: "paths[\(index)]", "the path has no lowerCamelCase form")
            }
            if index > 0 { joined.append(UInt8(ascii: ",")) }
            joined += camel
        }
        text.string(joined[...])
    }

    /// A `Struct` is its one map, without the field's name around it.
    private mutating func structure(
        _ values: ArraySlice<WireItem>, _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        guard let field = type.field(number: 1) else { return }
        text.open("{")
        try mapEntries(field, values, depth: depth)
        text.close("}")
    }

    private mutating func value(
        _ group: MessageContent.Group?, _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        // An empty Value is an error by the letter; null reads back as the nearest thing.
        guard let group, let item = group.values.last else {
            text.raw("null")
            return
        }
        let field = FieldDescriptor(type.storage, group.field)
        if let inner = field.messageType {
            try message(group.values.compactMap(\.range), inner, depth: depth + 1)
            return
        }
        if field.kind == .double, !Double(bitPattern: item.fixed64 ?? 0).isFinite {
            throw JSONError(
                .invalidValue, path: field.name, "a Value cannot be NaN or infinite in JSON")
        }
        scalar(item, field)
    }

    private mutating func listValue(
        _ values: ArraySlice<WireItem>, _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        guard let element = type.field(number: 1)?.messageType else { return }
        text.open("[")
        for (index, value) in values.enumerated() {
            text.separate()
            do throws(JSONError) {
                try message(value.range.map { [$0] } ?? [], element, depth: depth + 1)
            } catch {
                throw error.inside("[\(index)]")
            }
        }
        text.close("]")
    }

    /// An `Any`: the members of its payload after `@type`.
    private mutating func any(
        _ url: WireItem?, _ payload: WireItem?, depth: Int
    ) throws(JSONError) {
        let url = bytes[url?.range ?? 0..<0]
        let content = Array(bytes[payload?.range ?? 0..<0])
        text.open("{")
        if !url.isEmpty || !content.isEmpty {
            guard let slash = url.lastIndex(of: UInt8(ascii: "/")),
                let type = pool.message(String(decoding: url[(slash + 1)...], as: UTF8.self))
            else {
                throw JSONError(.unknownType, path: "type_url", "the type is not known")
            }
            text.key("@type")
            text.string(url)
            try enter(content, as: type, depth: depth + 1) { printer throws(JSONError) in
                if type.record.wellKnown.map({ $0 != .empty }) ?? false {
                    printer.text.key("value")
                    try printer.message([0..<content.count], type, depth: depth + 1)
                } else {
                    try printer.members([0..<content.count], type, depth: depth + 1)
                }
            }
        }
        text.close("}")
    }
}
