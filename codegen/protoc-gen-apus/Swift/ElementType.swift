/// The type of one value: how Swift spells it, and how it crosses the border to C.
struct ElementType {
    enum Kind { case number, bool, string, bytes, enumeration, message }

    let kind: Kind
    /// `Int32`, `[UInt8]`, `ApusV1.Event`.
    let swift: String
    /// The type in C of messages and enums.
    let c: String
    /// What an unset field without presence holds.
    let zero: String

    init(_ type: ProtoType, _ types: TypeIndex) throws(GeneratorError) {
        switch type {
        case .double: self.init(.number, "Double", zero: "0")
        case .float: self.init(.number, "Float", zero: "0")
        case .int32: self.init(.number, "Int32", zero: "0")
        case .int64: self.init(.number, "Int64", zero: "0")
        case .uint32: self.init(.number, "UInt32", zero: "0")
        case .uint64: self.init(.number, "UInt64", zero: "0")
        case .bool: self.init(.bool, "Bool", zero: "false")
        case .string: self.init(.string, "String", zero: "\"\"")
        case .bytes: self.init(.bytes, "[UInt8]", zero: "[]")
        case .message(let name):
            self.init(
                .message, try types.swiftName(name), c: CNames.type(name), zero: "nil")
        case .enumeration(let name):
            guard let enumeration = types.enums[name],
                let zero = enumeration.values.firstIndex(where: { $0.number == 0 })
            else { throw GeneratorError("enum \(name) has no value 0: it is not of proto3") }
            self.init(
                .enumeration, try types.swiftName(name), c: CNames.type(name),
                zero: "." + SwiftNames.cases(of: enumeration)[zero])
        case .group: throw GeneratorError("groups are not of proto3")
        }
    }

    private init(_ kind: Kind, _ swift: String, c: String = "", zero: String) {
        self.kind = kind
        self.swift = swift
        self.c = c
        self.zero = zero
    }

    /// The Swift value of a C value; a message's `value` must not be null.
    func copied(_ value: String) -> String {
        switch kind {
        case .number: value
        case .bool: "\(value) != 0"
        case .string: "copyText(\(value))"
        case .bytes: "copyBytes(\(value))"
        case .enumeration: "\(swift)(rawValue: Int32(truncatingIfNeeded: \(value).rawValue))"
        case .message: "\(swift)(copying: \(value))"
        }
    }

    /// Whether copying touches C memory.
    var copyingIsUnsafe: Bool { kind == .string || kind == .bytes || kind == .message }

    /// The C value of a Swift value.
    func packed(_ value: String) -> String {
        switch kind {
        case .number: value
        case .bool: "\(value) ? 1 : 0"
        case .string: "arena.text(\(value))"
        case .bytes: "arena.bytes(\(value))"
        case .enumeration: "\(c)(rawValue: .init(truncatingIfNeeded: \(value).rawValue))"
        case .message: "\(value).packed(in: arena)"
        }
    }

    /// Whether packing makes C memory.
    var packingIsUnsafe: Bool { copyingIsUnsafe }

    /// Whether a field without presence holds the default, which need not be packed.
    func isZero(_ value: String) -> String? {
        kind == .string || kind == .bytes ? "\(value).isEmpty" : nil
    }
}
