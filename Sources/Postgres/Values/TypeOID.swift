/// A type of Postgres by its number in `pg_type`, which is the same on every server.
struct TypeOID: Hashable, Sendable, CustomStringConvertible {
    let number: UInt32

    static let unknown = TypeOID(number: 0)
    static let bool = TypeOID(number: 16)
    static let bytea = TypeOID(number: 17)
    static let name = TypeOID(number: 19)
    static let int8 = TypeOID(number: 20)
    static let int2 = TypeOID(number: 21)
    static let int4 = TypeOID(number: 23)
    static let text = TypeOID(number: 25)
    static let oid = TypeOID(number: 26)
    static let json = TypeOID(number: 114)
    static let float4 = TypeOID(number: 700)
    static let float8 = TypeOID(number: 701)
    static let bpchar = TypeOID(number: 1042)
    static let varchar = TypeOID(number: 1043)
    static let timestamp = TypeOID(number: 1114)
    static let timestamptz = TypeOID(number: 1184)
    static let void = TypeOID(number: 2278)
    static let uuid = TypeOID(number: 2950)
    static let jsonb = TypeOID(number: 3802)

    static let boolArray = TypeOID(number: 1000)
    static let byteaArray = TypeOID(number: 1001)
    static let int2Array = TypeOID(number: 1005)
    static let int4Array = TypeOID(number: 1007)
    static let textArray = TypeOID(number: 1009)
    static let int8Array = TypeOID(number: 1016)
    static let float8Array = TypeOID(number: 1022)
    static let timestamptzArray = TypeOID(number: 1185)
    static let uuidArray = TypeOID(number: 2951)
    static let jsonbArray = TypeOID(number: 3807)

    var description: String { Self.names[self] ?? "type \(number)" }

    private static let names: [TypeOID: String] = [
        .unknown: "unknown", .bool: "boolean", .bytea: "bytea", .name: "name", .int8: "bigint",
        .int2: "smallint", .int4: "integer", .text: "text", .oid: "oid", .json: "json",
        .float4: "real", .float8: "double precision", .bpchar: "char", .varchar: "varchar",
        .timestamp: "timestamp", .timestamptz: "timestamptz", .void: "void", .uuid: "uuid",
        .jsonb: "jsonb", .boolArray: "boolean[]", .byteaArray: "bytea[]",
        .int2Array: "smallint[]", .int4Array: "integer[]", .textArray: "text[]",
        .int8Array: "bigint[]", .float8Array: "double precision[]",
        .timestamptzArray: "timestamptz[]", .uuidArray: "uuid[]", .jsonbArray: "jsonb[]",
    ]
}

/// The types that a decoder tells apart, as bits, so that a check costs no look-up.
struct TypeKinds: OptionSet, Sendable {
    let rawValue: UInt16

    static let bool = TypeKinds(rawValue: 1)
    static let int2 = TypeKinds(rawValue: 1 << 1)
    static let int4 = TypeKinds(rawValue: 1 << 2)
    static let int8 = TypeKinds(rawValue: 1 << 3)
    static let oid = TypeKinds(rawValue: 1 << 4)
    static let float4 = TypeKinds(rawValue: 1 << 5)
    static let float8 = TypeKinds(rawValue: 1 << 6)
    /// All that are plain UTF-8 on the wire.
    static let text = TypeKinds(rawValue: 1 << 7)
    static let jsonb = TypeKinds(rawValue: 1 << 8)
    static let bytea = TypeKinds(rawValue: 1 << 9)
    static let uuid = TypeKinds(rawValue: 1 << 10)
    static let timestamptz = TypeKinds(rawValue: 1 << 11)
    static let other = TypeKinds(rawValue: 1 << 15)
}

extension TypeOID {
    var kind: TypeKinds {
        switch self {
        case .bool: .bool
        case .int2: .int2
        case .int4: .int4
        case .int8: .int8
        case .oid: .oid
        case .float4: .float4
        case .float8: .float8
        case .text, .varchar, .name, .json, .bpchar: .text
        case .jsonb: .jsonb
        case .bytea: .bytea
        case .uuid: .uuid
        case .timestamptz: .timestamptz
        default: .other
        }
    }
}
