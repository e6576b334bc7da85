/// What things of a `.proto` file are called in Swift.
enum SwiftNames {
    /// The enum that holds a package's types.
    static func namespace(_ package: String) -> String { Words.upperCamel(package) }

    static func type(_ name: String) -> String {
        let name = name.prefix(1).uppercased() + name.dropFirst()
        return takenTypes.contains(name) ? name + "Message" : name
    }

    /// A property, parameter or method.
    static func member(_ name: String) -> String {
        let name = Words.lowerCamel(name)
        if takenMembers.contains(name) { return name + "_" }
        return keywords.contains(name) ? "`\(name)`" : name
    }

    /// A case for each value: without the enum's name as prefix, if all have it.
    static func cases(of enumeration: ProtoEnum) -> [String] {
        let prefix = Words.upperSnake(enumeration.name) + "_"
        let isPrefixed = enumeration.values.allSatisfy {
            $0.name.hasPrefix(prefix) && $0.name.dropFirst(prefix.count).first?.isLetter == true
        }
        return enumeration.values.map { value in
            let name = isPrefixed ? String(value.name.dropFirst(prefix.count)) : value.name
            return member(name.lowercased())
        }
    }

    /// The enum of a oneof's choices.
    static func oneof(_ oneof: ProtoOneof, of message: ProtoMessage) -> String {
        let name = Words.upperCamel(oneof.name)
        let siblings = message.messages.map(\.name) + message.enums.map(\.name)
        return siblings.contains(name) || takenTypes.contains(name) ? name + "Choice" : name
    }

    /// Names that generated code uses, or that Swift does not let go.
    private static let takenTypes: Set<String> = [
        "Any", "Array", "Bool", "Dictionary", "Double", "Error", "Float", "Hashable", "Int",
        "Int32", "Int64", "Message", "Optional", "Protocol", "Self", "Sendable", "Set", "String",
        "Type", "UInt32", "UInt64", "UInt8",
    ]

    /// Names that every message has.
    private static let takenMembers: Set<String> = [
        "encoded", "hash", "hashValue", "init", "json", "packed", "self", "unknownFields",
        "unrecognized", "rawValue",
    ]

    private static let keywords: Set<String> = [
        "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer",
        "deinit", "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for",
        "func", "guard", "if", "import", "in", "inout", "internal", "is", "let", "nil", "operator",
        "precedencegroup", "private", "protocol", "public", "repeat", "rethrows", "return",
        "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
        "typealias", "var", "where", "while",
    ]
}
