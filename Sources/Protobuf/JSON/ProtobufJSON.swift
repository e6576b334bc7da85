/// Canonical proto3 JSON, both ways, between text and wire bytes; no generated types are needed.
///
/// Source: protobuf.dev, "ProtoJSON Format". Fields that the schema lacks, and proto2 extensions,
/// have no JSON and are left out.
public enum ProtobufJSON {
    /// How to print.
    public struct PrintOptions: Sendable, Hashable {
        /// Two spaces a level and line breaks.
        public var pretty = false
        /// Field names as declared instead of lowerCamelCase.
        public var declaredNames = false
        /// Fields without presence that hold their default are printed too.
        public var defaults = false
        /// Enum values as numbers.
        public var enumNumbers = false
        /// What the bytes may hold.
        public var limits = DecodingLimits(maxBytes: 64 << 20)
        /// Size of the text.
        public var maxTextBytes = 256 << 20

        public init() {}

        public static let compact = PrintOptions()
        public static let pretty: PrintOptions = {
            var options = PrintOptions()
            options.pretty = true
            return options
        }()
    }

    /// How to parse.
    public struct ParseOptions: Sendable, Hashable {
        /// Fields and enum names that the schema lacks are skipped.
        public var ignoreUnknown = false
        /// `maxBytes` bounds the text as well as the result.
        public var limits = DecodingLimits.default

        public init() {}

        public static let `default` = ParseOptions()
    }

    /// Prints a message, its fields ascending by number.
    ///
    /// - Parameter pool: Where the types of `Any` are looked up.
    /// - Throws: ``JSONError``: `.invalidMessage` if the bytes do not pass ``WireScan``,
    ///   `.unknownType` for an `Any` of a type that the pool lacks, `.invalidValue` for a value that
    ///   JSON cannot say (a time out of range).
    public static func encode(
        _ bytes: [UInt8], as type: MessageDescriptor, pool: DescriptorPool,
        options: PrintOptions = .compact
    ) throws(JSONError) -> String {
        var printer = JSONPrinter(pool: pool, options: options)
        try printer.print(bytes, as: type, depth: 1)
        return String(decoding: printer.text.bytes, as: UTF8.self)
    }

    /// Parses a message into its serialized form.
    ///
    /// - Parameter pool: Where the types of `Any` are looked up.
    /// - Throws: ``JSONError`` with path, line and column.
    public static func decode(
        _ text: String, as type: MessageDescriptor, pool: DescriptorPool,
        options: ParseOptions = .default
    ) throws(JSONError) -> [UInt8] {
        try decode(utf8: Array(text.utf8), as: type, pool: pool, options: options)
    }

    /// Parses a message from text as it came from outside; invalid UTF-8 is an error.
    public static func decode(
        utf8 text: [UInt8], as type: MessageDescriptor, pool: DescriptorPool,
        options: ParseOptions = .default
    ) throws(JSONError) -> [UInt8] {
        guard text.count <= options.limits.maxBytes else {
            throw JSONError(
                .tooLarge, path: "",
                "\(text.count) bytes of JSON; at most \(options.limits.maxBytes) are allowed")
        }
        var parser = JSONParser(text, pool: pool, options: options)
        return try parser.parse(type)
    }
}
