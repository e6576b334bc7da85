/// One `.proto` file, as far as its Swift form needs it.
struct ProtoFile {
    var path = ""
    var package = ""
    var syntax = ""
    var messages: [ProtoMessage] = []
    var enums: [ProtoEnum] = []
    var services: [ProtoService] = []
}

struct ProtoMessage {
    var name = ""
    /// With the package, without a leading dot.
    var fullName = ""
    var comment: [String] = []
    var fields: [ProtoField] = []
    var oneofs: [ProtoOneof] = []
    var messages: [ProtoMessage] = []
    var enums: [ProtoEnum] = []
    /// Made by protoc for a `map` field.
    var isMapEntry = false
    /// What event type it is the payload of.
    var event: EventOption?
}

struct ProtoField {
    var name = ""
    var comment: [String] = []
    var number = 0
    var type = ProtoType.int32
    var isRepeated = false
    /// Index in the message's `oneofs`.
    var oneof: Int?
    /// Its oneof is made by protoc.
    var isProto3Optional = false
}

enum ProtoType: Equatable {
    case double, float, int32, int64, uint32, uint64, bool, string, bytes, group
    /// With the full name.
    case message(String)
    case enumeration(String)
}

struct ProtoOneof {
    var name = ""
    var comment: [String] = []
}

struct ProtoEnum {
    var name = ""
    var fullName = ""
    var comment: [String] = []
    var values: [ProtoEnumValue] = []
}

struct ProtoEnumValue {
    var name = ""
    var comment: [String] = []
    var number: Int32 = 0
}

struct ProtoService {
    var name = ""
    var fullName = ""
    var comment: [String] = []
    var methods: [ProtoMethod] = []
}

struct ProtoMethod {
    var name = ""
    var comment: [String] = []
    /// Full names.
    var input = ""
    var output = ""
    var isClientStreaming = false
    var isServerStreaming = false
}
