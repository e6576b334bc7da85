/// A Swift enum for an enum, with a case for the values that the schema lacks.
struct EnumDeclaration {
    private struct Case {
        let name: String
        let value: ProtoEnumValue
    }

    private let proto: ProtoEnum
    private let cases: [Case]
    /// Second names of a number (`allow_alias`), and the first.
    private let aliases: [(Case, of: String)]

    init(_ proto: ProtoEnum) {
        self.proto = proto
        var names: [Int32: String] = [:]
        var cases: [Case] = []
        var aliases: [(Case, of: String)] = []
        for (name, value) in zip(SwiftNames.cases(of: proto), proto.values) {
            let item = Case(name: name, value: value)
            if let first = names[value.number] {
                aliases.append((item, first))
            } else {
                names[value.number] = name
                cases.append(item)
            }
        }
        self.cases = cases
        self.aliases = aliases
    }

    func write(to writer: inout SourceWriter) {
        writer.comment(proto.comment)
        let name = SwiftNames.type(proto.name)
        writer.block("public enum \(name): Sendable, Hashable") { writer in
            for item in cases {
                writer.comment(item.value.comment)
                writer.line("case \(item.name)")
            }
            writer.line("/// A number that the schema lacks.")
            writer.line("case unrecognized(Int32)")
            for (alias, first) in aliases {
                writer.gap()
                writer.comment(alias.value.comment)
                writer.line("public static var \(alias.name): \(name) { .\(first) }")
            }
            writer.gap()
            writeNumbers(to: &writer)
        }
    }

    private func writeNumbers(to writer: inout SourceWriter) {
        writer.block("public init(rawValue: Int32)") { writer in
            writer.line("switch rawValue {")
            for item in cases {
                writer.line("case \(item.value.number): self = .\(item.name)")
            }
            writer.line("default: self = .unrecognized(rawValue)")
            writer.line("}")
        }
        writer.gap()
        writer.block("public var rawValue: Int32") { writer in
            writer.line("switch self {")
            for item in cases {
                writer.line("case .\(item.name): \(item.value.number)")
            }
            writer.line("case .unrecognized(let number): number")
            writer.line("}")
        }
    }
}
