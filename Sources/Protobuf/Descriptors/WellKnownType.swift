/// Messages with a JSON form of their own.
enum WellKnownType: String, Sendable {
    case timestamp = "google.protobuf.Timestamp"
    case duration = "google.protobuf.Duration"
    case fieldMask = "google.protobuf.FieldMask"
    case structure = "google.protobuf.Struct"
    case value = "google.protobuf.Value"
    case listValue = "google.protobuf.ListValue"
    case any = "google.protobuf.Any"
    case empty = "google.protobuf.Empty"
    case doubleValue = "google.protobuf.DoubleValue"
    case floatValue = "google.protobuf.FloatValue"
    case int64Value = "google.protobuf.Int64Value"
    case uint64Value = "google.protobuf.UInt64Value"
    case int32Value = "google.protobuf.Int32Value"
    case uint32Value = "google.protobuf.UInt32Value"
    case boolValue = "google.protobuf.BoolValue"
    case stringValue = "google.protobuf.StringValue"
    case bytesValue = "google.protobuf.BytesValue"

    /// What a field of such a message must be.
    struct Field {
        let number: Int
        let kind: FieldKind
        var isRepeated = false
        var message: WellKnownType?

        init(
            _ number: Int, _ kind: FieldKind, isRepeated: Bool = false,
            message: WellKnownType? = nil
        ) {
            self.number = number
            self.kind = kind
            self.isRepeated = isRepeated
            self.message = message
        }
    }

    /// All fields of the message.
    var shape: [Field] {
        switch self {
        case .timestamp, .duration: [Field(1, .int64), Field(2, .int32)]
        case .fieldMask: [Field(1, .string, isRepeated: true)]
        case .structure: [Field(1, .message, isRepeated: true)]
        case .value:
            [
                Field(1, .enumeration), Field(2, .double), Field(3, .string), Field(4, .bool),
                Field(5, .message, message: .structure), Field(6, .message, message: .listValue),
            ]
        case .listValue: [Field(1, .message, isRepeated: true, message: .value)]
        case .any: [Field(1, .string), Field(2, .bytes)]
        case .empty: []
        default: wrapped.map { [Field(1, $0)] } ?? []
        }
    }

    /// The kind of value that a wrapper wraps; nil for all other types.
    var wrapped: FieldKind? {
        switch self {
        case .doubleValue: .double
        case .floatValue: .float
        case .int64Value: .int64
        case .uint64Value: .uint64
        case .int32Value: .int32
        case .uint32Value: .uint32
        case .boolValue: .bool
        case .stringValue: .string
        case .bytesValue: .bytes
        default: nil
        }
    }
}
