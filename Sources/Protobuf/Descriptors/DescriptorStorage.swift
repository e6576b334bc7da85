/// Everything a pool knows, as flat immutable tables.
///
/// Types refer to each other in cycles. Indices into these tables instead of references keep the whole
/// `Sendable` without locks and free of retain cycles; the public descriptors are handles (tables and
/// an index).
final class DescriptorStorage: Sendable {
    struct File: Sendable {
        var path = ""
        var package = ""
        var syntax = ""
        var dependencies: [String] = []
        var serialized: [UInt8] = []
        var messages: [Int] = []
        var enumerations: [Int] = []
        var services: [Int] = []
        var extensions: [Int] = []
    }

    struct Message: Sendable {
        var name = ""
        var fullName = ""
        var file = 0
        var parent: Int?
        /// Own fields, ascending by number.
        var fields: Range<Int> = 0..<0
        var oneofs: [Oneof] = []
        var nestedMessages: [Int] = []
        var nestedEnumerations: [Int] = []
        var extensions: [Int] = []
        var isMapEntry = false
        var options: [UInt8] = []
        /// Declared names and JSON names; values index `fields` of the storage.
        var fieldsByName: [String: Int] = [:]
        var wellKnown: WellKnownType?
    }

    struct Oneof: Sendable {
        var name = ""
        var fields: [Int] = []
        var isSynthetic = false
        var options: [UInt8] = []
    }

    struct Field: Sendable {
        var name = ""
        var fullName = ""
        var jsonName = ""
        /// `jsonName` as a JSON string.
        var jsonKey: [UInt8] = []
        var number = 0
        var kind = FieldKind.int32
        var isRepeated = false
        var isRequired = false
        var isPacked = false
        var isProto3Optional = false
        var hasPresence = false
        /// Index in the owner's `oneofs`.
        var oneof: Int?
        /// The message this is a field of; for an extension, the extended one (nil: not in the pool).
        var message: Int?
        var file = 0
        var messageType: Int?
        var enumeration: Int?
        var isExtension = false
        var extendee = ""
        var defaultText: String?
        var options: [UInt8] = []
    }

    struct Enumeration: Sendable {
        var name = ""
        var fullName = ""
        var file = 0
        var parent: Int?
        var values: [EnumValue] = []
        var numbersByName: [String: Int32] = [:]
        var namesByNumber: [Int32: String] = [:]
        var options: [UInt8] = []
    }

    struct EnumValue: Sendable {
        var name = ""
        var number: Int32 = 0
        var options: [UInt8] = []
    }

    struct Service: Sendable {
        var name = ""
        var fullName = ""
        var file = 0
        var methods: [Method] = []
        var options: [UInt8] = []
    }

    struct Method: Sendable {
        var name = ""
        var input = 0
        var output = 0
        var isClientStreaming = false
        var isServerStreaming = false
        var options: [UInt8] = []
    }

    /// What a full name stands for.
    enum Symbol: Sendable {
        case message(Int)
        case enumeration(Int)
        case service(Int)
        case method(service: Int, index: Int)
        case field(Int)
        case oneof(message: Int)
        case enumValue(enumeration: Int)
    }

    let files: [File]
    let filesByPath: [String: Int]
    let messages: [Message]
    let fields: [Field]
    let enumerations: [Enumeration]
    let services: [Service]
    let symbols: [String: Symbol]
    let scanTable: ScanTable

    init(_ tables: DescriptorTables) {
        files = tables.files
        filesByPath = tables.filesByPath
        messages = tables.messages
        fields = tables.fields
        enumerations = tables.enumerations
        services = tables.services
        symbols = tables.symbols
        scanTable = ScanTable(messages: tables.messages, fields: tables.fields)
    }
}

/// The tables while they are built.
struct DescriptorTables {
    var files: [DescriptorStorage.File] = []
    var filesByPath: [String: Int] = [:]
    var messages: [DescriptorStorage.Message] = []
    var fields: [DescriptorStorage.Field] = []
    var enumerations: [DescriptorStorage.Enumeration] = []
    var services: [DescriptorStorage.Service] = []
    var symbols: [String: DescriptorStorage.Symbol] = [:]
}
