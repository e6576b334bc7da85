internal import CYaml

/// Owns a `yaml_parser_t` and the text that it reads. libyaml checks the encoding as it goes.
@safe
final class YamlParser {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// The library keeps its address.
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) {
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        unsafe text = .allocate(capacity: max(bytes.count, 1))
        _ = unsafe text.initialize(from: bytes)
        let outcome = unsafe yaml_parser_initialize(parser)
        precondition(outcome == 1, "libyaml does not start: out of memory")
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The next part of the text; after the end there is none to ask for.
    func next() throws(YamlFault) -> YamlToken {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw fault() }
        defer { unsafe yaml_event_delete(&event) }
        return YamlToken(kind: unsafe Self.kind(event), place: unsafe Self.place(event.start_mark))
    }

    private static func kind(_ event: yaml_event_t) -> YamlToken.Kind {
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe .scalar(
                String(decoding: bytes, as: UTF8.self),
                isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE,
                isMarked: scalar.anchor != nil || scalar.tag != nil)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe .listStart(isMarked: start.anchor != nil || start.tag != nil)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe .mappingStart(isMarked: start.anchor != nil || start.tag != nil)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
        case YAML_ALIAS_EVENT: return .alias
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return .streamEnd
        default: return .other
        }
    }

    /// What the library says holds no text of the file.
    private func fault() -> YamlFault {
        let problem = unsafe parser.pointee.problem
        let isReader = unsafe parser.pointee.error == YAML_READER_ERROR
        // Of the reader only the number of a byte is known.
        let place = isReader ? nil : unsafe Self.place(parser.pointee.problem_mark)
        let reason = unsafe problem.map { unsafe String(cString: $0) } ?? "out of memory"
        return YamlFault(place: place, message: "is no YAML: \(reason)")
    }

    private static func place(_ mark: yaml_mark_t) -> ConfigurationPlace {
        ConfigurationPlace(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

/// What libyaml reads in one step.
struct YamlToken {
    enum Kind: Equatable {
        /// - Parameter isMarked: With an anchor or a tag.
        case scalar(String, isPlain: Bool, isMarked: Bool)
        case listStart(isMarked: Bool)
        case mappingStart(isMarked: Bool)
        /// Of a list or a mapping.
        case end
        case alias
        case documentStart
        case streamEnd
        case other
    }

    let kind: Kind
    let place: ConfigurationPlace
}

/// Why a text can't be read on.
struct YamlFault: Error {
    let place: ConfigurationPlace?
    let message: String
}
