extension JSONParser {
    /// One JSON value as the content of a well-known message.
    mutating func wellKnown(
        _ wellKnown: WellKnownType, _ type: MessageDescriptor, depth: Int
    ) throws(JSONError) {
        switch wellKnown {
        case .timestamp:
            try time("a timestamp such as 1972-01-01T10:00:20.021Z") {
                TimeText.parseTimestamp($0)
            }
        case .duration: try time("a duration such as 1.5s") { TimeText.parseDuration($0) }
        case .fieldMask: try fieldMask()
        case .structure: try structure(type, depth: depth)
        case .value: try anyValue(type, depth: depth)
        case .listValue: try listValue(type, depth: depth)
        case .any: try any(depth: depth)
        case .empty: try object(type, depth: depth)
        default:
            guard let field = type.field(number: 1) else { return }
            // A wrapper is its value; the value's default needs no bytes.
            if let scalar = try scalar(field), !scalar.isDefault { write(scalar, field) }
        }
    }

    private mutating func time(
        _ what: String, _ parse: (ArraySlice<UInt8>) -> (seconds: Int64, nanos: Int32)?
    ) throws(JSONError) {
        let start = reader.position
        guard let (seconds, nanos) = parse(try reader.string()) else {
            throw reader.error(.invalidValue, "not \(what), or out of range", at: start)
        }
        if seconds != 0 {
            output.tag(1, .varint)
            output.varint(UInt64(bitPattern: seconds))
        }
        if nanos != 0 {
            output.tag(2, .varint)
            output.varint(UInt64(bitPattern: Int64(nanos)))
        }
    }

    private mutating func fieldMask() throws(JSONError) {
        let start = reader.position
        let text = try text()
        if text.isEmpty { return }
        for path in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            try countElement()
            guard let declared = FieldMaskText.declared(path) else {
                throw reader.error(
                    .invalidValue, "a path of a field mask is lowerCamelCase", at: start)
            }
            output.field(1, declared)
        }
    }

    /// `Struct`: an object of anything.
    private mutating func structure(_ type: MessageDescriptor, depth: Int) throws(JSONError) {
        guard let valueType = type.field(number: 1)?.mapFields?.value.messageType else { return }
        guard reader.take(UInt8(ascii: "{")) else { throw reader.invalid("expected an object") }
        if reader.take(UInt8(ascii: "}")) { return }
        guard depth < options.limits.maxDepth else { throw reader.tooDeep() }
        var keys: Set<ArraySlice<UInt8>> = []
        repeat {
            let start = reader.position
            let key = try text()
            do throws(JSONError) {
                try countElement()
                guard keys.insert(key).inserted else {
                    throw reader.error(.duplicate, "the key is there twice", at: start)
                }
                try reader.expect(UInt8(ascii: ":"), "':'")
                let entry = output.begin(1)
                output.field(1, key)
                let value = output.begin(2)
                try message(valueType, depth: depth + 2)
                output.end(value)
                output.end(entry)
            } catch {
                throw error.inside(Self.pathName(String(decoding: key, as: UTF8.self)))
            }
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "}"), "',' or '}'")
    }

    /// `Value`: anything.
    private mutating func anyValue(_ type: MessageDescriptor, depth: Int) throws(JSONError) {
        switch reader.peek() {
        case UInt8(ascii: "n"):
            guard try reader.takeNull() else { return }
            output.tag(1, .varint)
            output.varint(0)
        case UInt8(ascii: "\""):
            output.field(3, try text())
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            output.tag(4, .varint)
            output.varint(try reader.bool() ? 1 : 0)
        case UInt8(ascii: "{"):
            guard let inner = type.field(number: 5)?.messageType else { return }
            let mark = output.begin(5)
            try message(inner, depth: depth + 1)
            output.end(mark)
        case UInt8(ascii: "["):
            guard let inner = type.field(number: 6)?.messageType else { return }
            let mark = output.begin(6)
            try message(inner, depth: depth + 1)
            output.end(mark)
        default:
            guard reader.isAtNumber else { throw reader.unexpected("a value") }
            guard case .fixed64(let bits) = try number(.double) else { return }
            output.tag(2, .fixed64)
            output.fixed64(bits)
        }
    }

    private mutating func listValue(_ type: MessageDescriptor, depth: Int) throws(JSONError) {
        guard let valueType = type.field(number: 1)?.messageType else { return }
        guard reader.take(UInt8(ascii: "[")) else { throw reader.invalid("expected an array") }
        if reader.take(UInt8(ascii: "]")) { return }
        var index = 0
        repeat {
            do throws(JSONError) {
                try countElement()
                let mark = output.begin(1)
                try message(valueType, depth: depth + 1)
                output.end(mark)
            } catch {
                throw error.inside("[\(index)]")
            }
            index += 1
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "]"), "',' or ']'")
    }

    /// `Any`: the message's own JSON with a member `@type`, anywhere among the others.
    private mutating func any(depth: Int) throws(JSONError) {
        guard reader.peek() == UInt8(ascii: "{") else { throw reader.invalid("expected an object") }
        let start = reader.position
        let found = try typeMember(depth: depth)
        guard let url = found.url else {
            if found.isEmpty { return }
            throw reader.error(.invalidValue, "an Any needs a member '@type'", at: start)
        }
        let end = reader.position
        guard let slash = url.lastIndex(of: UInt8(ascii: "/")),
            let type = pool.message(String(decoding: url[(slash + 1)...], as: UTF8.self))
        else {
            throw reader.error(.unknownType, "the type is not known", at: start).inside("@type")
        }
        reader.rewind(to: start)
        output.field(1, url)
        let mark = output.begin(2)
        if let wellKnown = type.record.wellKnown, wellKnown != .empty || found.hasValue {
            try valueMember(type, depth: depth)
            if !found.hasValue {
                throw reader.error(.invalidValue, "the type needs a member 'value'", at: start)
            }
        } else {
            guard depth < options.limits.maxDepth else { throw reader.tooDeep() }
            try object(type, depth: depth + 1, isAny: true)
        }
        if output.isEmpty(since: mark) { output.cancel(mark) } else { output.end(mark) }
        precondition(reader.position == end, "two passes over one object end at one place")
    }

    /// Steps over the object and notes what it says.
    private mutating func typeMember(
        depth: Int
    ) throws(JSONError) -> (url: ArraySlice<UInt8>?, hasValue: Bool, isEmpty: Bool) {
        var url: ArraySlice<UInt8>?
        var hasValue = false
        try reader.expect(UInt8(ascii: "{"), "an object")
        if reader.take(UInt8(ascii: "}")) { return (nil, false, true) }
        repeat {
            let start = reader.position
            let key = try reader.string()
            try reader.expect(UInt8(ascii: ":"), "':'")
            if key.elementsEqual("@type".utf8) {
                guard url == nil else {
                    throw reader.error(.duplicate, "'@type' is there twice", at: start)
                }
                url = try text()
            } else {
                if key.elementsEqual("value".utf8) { hasValue = true }
                try reader.skip(depth: options.limits.maxDepth)
            }
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "}"), "',' or '}'")
        return (url, hasValue, false)
    }

    /// The object of an `Any` whose type has a JSON form of its own: `{"@type": …, "value": …}`.
    private mutating func valueMember(_ type: MessageDescriptor, depth: Int) throws(JSONError) {
        var hasValue = false
        try reader.expect(UInt8(ascii: "{"), "an object")
        repeat {
            let start = reader.position
            let key = String(decoding: try reader.string(), as: UTF8.self)
            try reader.expect(UInt8(ascii: ":"), "':'")
            switch key {
            case "@type": try reader.skip(depth: 1)
            case "value":
                do throws(JSONError) {
                    guard !hasValue else {
                        throw reader.error(.duplicate, "the member is there twice", at: start)
                    }
                    try message(type, depth: depth + 1)
                } catch {
                    throw error.inside("value")
                }
                hasValue = true
            default:
                guard options.ignoreUnknown else {
                    throw reader.error(
                        .unknownField, "an Any of this type has only '@type' and 'value'", at: start
                    ).inside(Self.pathName(key))
                }
                try reader.skip(depth: options.limits.maxDepth - depth)
            }
        } while reader.take(UInt8(ascii: ","))
        try reader.expect(UInt8(ascii: "}"), "',' or '}'")
    }
}

/// Paths of a `FieldMask`: `foo_bar.baz` as declared, `fooBar.baz` in JSON.
enum FieldMaskText {
    /// - Returns: nil for an underscore, or for what could not be turned back.
    static func declared(_ path: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        for byte in path {
            switch byte {
            case UInt8(ascii: "_"): return nil
            case 65...90: result += [UInt8(ascii: "_"), byte + 32]
            default: result.append(byte)
            }
        }
        return result
    }

    /// - Returns: nil for a capital, or an underscore with no small letter after it.
    static func camel(_ path: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            switch byte {
            case 65...90, UInt8(ascii: ","): return nil
            case UInt8(ascii: "_"):
                guard let next = rest.popFirst(), (97...122).contains(next) else { return nil }
                result.append(next - 32)
            default: result.append(byte)
            }
        }
        return result
    }
}
