/// What protoc-c calls things, so that generated Swift finds them.
///
/// Source: `c_helpers.cc` and `c_message.cc` of protobuf-c 1.4.1.
enum CNames {
    /// `apus.v1.Event` → `Apus__V1__Event`.
    static func type(_ fullName: String) -> String {
        fullName.split(separator: ".").map { Words.upperCamel(String($0)) }.joined(separator: "__")
    }

    /// `apus.v1.EventMetadata` → `apus__v1__event_metadata__init`.
    static func initializer(_ fullName: String) -> String {
        fullName.split(separator: ".").map { lowerSnake(String($0)) }.joined(separator: "__")
            + "__init"
    }

    static func field(_ name: String) -> String {
        let name = plainField(name)
        // Swift takes these for its own even after a dot.
        return name == "self" || name == "init" ? "`\(name)`" : name
    }

    /// How many items a repeated field has.
    static func count(_ name: String) -> String { "n_" + plainField(name) }

    private static func plainField(_ name: String) -> String {
        let name = name.lowercased()
        return keywords.contains(name) ? name + "_" : name
    }

    /// Which member of a oneof is set.
    static func oneofCase(_ name: String) -> String { lowerSnake(name) + "_case" }

    /// An underscore goes where upper case begins: `APIThing` → `apithing`.
    private static func lowerSnake(_ name: String) -> String {
        var snake = ""
        var wasUpper = true
        for character in name {
            if character.isUppercase, !wasUpper { snake += "_" }
            snake += character.lowercased()
            wasUpper = character.isUppercase
        }
        return snake
    }

    /// The keywords of C++, which protoc-c sets an underscore behind.
    private static let keywords: Set<String> = [
        "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
        "char", "class", "compl", "const", "const_cast", "continue", "default", "delete", "do",
        "double", "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for",
        "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not",
        "not_eq", "operator", "or", "or_eq", "private", "protected", "public", "register",
        "reinterpret_cast", "return", "short", "signed", "sizeof", "static", "static_cast",
        "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typeid",
        "typename", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t",
        "while", "xor", "xor_eq",
    ]
}
