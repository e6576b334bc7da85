/// A value for a `$1` of a statement, sent in Postgres' binary format with its type.
///
/// The server checks the type when it prepares the statement. Arrays have one dimension; those of
/// optionals may hold nulls.
public struct Parameter: Sendable {
    enum Value: Sendable {
        case null(TypeOID)
        case bool(Bool)
        case int2(Int16)
        case int4(Int32)
        case int8(Int64)
        case float8(Double)
        case text(String)
        case bytea([UInt8])
        case uuid(UUIDBits)
        case timestamptz(Int64)
        case jsonb(String)
        case bools([Bool])
        case optionalBools([Bool?])
        case int2s([Int16])
        case optionalInt2s([Int16?])
        case int4s([Int32])
        case optionalInt4s([Int32?])
        case int8s([Int64])
        case optionalInt8s([Int64?])
        case float8s([Double])
        case optionalFloat8s([Double?])
        case texts([String])
        case optionalTexts([String?])
        case byteas([[UInt8]])
        case optionalByteas([[UInt8]?])
        case uuids([UUIDBits])
        case optionalUUIDs([UUIDBits?])
        case timestamptzs([Int64])
        case optionalTimestamptzs([Int64?])
        case jsonbs([String])
        case optionalJSONBs([String?])
    }

    let value: Value

    private init(_ value: Value) { self.value = value }

    private init<Wrapped>(
        _ wrapped: Wrapped?, _ type: TypeOID, _ make: (Wrapped) -> Value
    ) {
        value = wrapped.map(make) ?? .null(type)
    }
}

// Scalars. `nil` is a null of that type.
extension Parameter {
    /// A null whose type the statement tells.
    public static let null = Parameter(.null(.unknown))

    public static func bool(_ value: Bool?) -> Parameter {
        Parameter(value, .bool, Value.bool)
    }

    public static func int2(_ value: Int16?) -> Parameter {
        Parameter(value, .int2, Value.int2)
    }

    public static func int4(_ value: Int32?) -> Parameter {
        Parameter(value, .int4, Value.int4)
    }

    public static func int8(_ value: Int64?) -> Parameter {
        Parameter(value, .int8, Value.int8)
    }

    public static func float8(_ value: Double?) -> Parameter {
        Parameter(value, .float8, Value.float8)
    }

    /// Must not contain U+0000, which Postgres refuses.
    public static func text(_ value: String?) -> Parameter {
        Parameter(value, .text, Value.text)
    }

    public static func bytea(_ value: [UInt8]?) -> Parameter {
        Parameter(value, .bytea, Value.bytea)
    }

    public static func uuid(_ value: UUIDBits?) -> Parameter {
        Parameter(value, .uuid, Value.uuid)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    public static func timestamptz(_ microseconds: Int64?) -> Parameter {
        Parameter(microseconds, .timestamptz, Value.timestamptz)
    }

    /// A JSON text.
    public static func jsonb(_ text: String?) -> Parameter {
        Parameter(text, .jsonb, Value.jsonb)
    }
}

// Arrays.
extension Parameter {
    public static func boolArray(_ values: [Bool]) -> Parameter { Parameter(.bools(values)) }

    @_disfavoredOverload
    public static func boolArray(_ values: [Bool?]) -> Parameter {
        Parameter(.optionalBools(values))
    }

    public static func int2Array(_ values: [Int16]) -> Parameter { Parameter(.int2s(values)) }

    @_disfavoredOverload
    public static func int2Array(_ values: [Int16?]) -> Parameter {
        Parameter(.optionalInt2s(values))
    }

    public static func int4Array(_ values: [Int32]) -> Parameter { Parameter(.int4s(values)) }

    @_disfavoredOverload
    public static func int4Array(_ values: [Int32?]) -> Parameter {
        Parameter(.optionalInt4s(values))
    }

    public static func int8Array(_ values: [Int64]) -> Parameter { Parameter(.int8s(values)) }

    @_disfavoredOverload
    public static func int8Array(_ values: [Int64?]) -> Parameter {
        Parameter(.optionalInt8s(values))
    }

    public static func float8Array(_ values: [Double]) -> Parameter {
        Parameter(.float8s(values))
    }

    @_disfavoredOverload
    public static func float8Array(_ values: [Double?]) -> Parameter {
        Parameter(.optionalFloat8s(values))
    }

    public static func textArray(_ values: [String]) -> Parameter { Parameter(.texts(values)) }

    @_disfavoredOverload
    public static func textArray(_ values: [String?]) -> Parameter {
        Parameter(.optionalTexts(values))
    }

    public static func byteaArray(_ values: [[UInt8]]) -> Parameter {
        Parameter(.byteas(values))
    }

    @_disfavoredOverload
    public static func byteaArray(_ values: [[UInt8]?]) -> Parameter {
        Parameter(.optionalByteas(values))
    }

    public static func uuidArray(_ values: [UUIDBits]) -> Parameter { Parameter(.uuids(values)) }

    @_disfavoredOverload
    public static func uuidArray(_ values: [UUIDBits?]) -> Parameter {
        Parameter(.optionalUUIDs(values))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    public static func timestamptzArray(_ microseconds: [Int64]) -> Parameter {
        Parameter(.timestamptzs(microseconds))
    }

    @_disfavoredOverload
    public static func timestamptzArray(_ microseconds: [Int64?]) -> Parameter {
        Parameter(.optionalTimestamptzs(microseconds))
    }

    /// JSON texts.
    public static func jsonbArray(_ texts: [String]) -> Parameter { Parameter(.jsonbs(texts)) }

    @_disfavoredOverload
    public static func jsonbArray(_ texts: [String?]) -> Parameter {
        Parameter(.optionalJSONBs(texts))
    }
}
