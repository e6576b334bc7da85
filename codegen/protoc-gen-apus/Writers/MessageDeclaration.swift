/// A struct for a message, its nested types inside.
struct MessageDeclaration {
    private let message: SwiftMessage
    private let nested: [MessageDeclaration]
    private let enums: [EnumDeclaration]

    init(_ proto: ProtoMessage, _ types: TypeIndex) throws(GeneratorError) {
        message = try SwiftMessage(proto, types)
        enums = proto.enums.map(EnumDeclaration.init)
        var nested: [MessageDeclaration] = []
        for item in proto.messages where !item.isMapEntry {
            nested.append(try MessageDeclaration(item, types))
        }
        self.nested = nested
    }

    var hasBoxes: Bool {
        message.properties.contains(where: \.isBoxed) || nested.contains(where: \.hasBoxes)
    }

    func write(to writer: inout SourceWriter) {
        writer.comment(message.proto.comment)
        writer.block("public struct \(message.name): Sendable, Hashable") { writer in
            for property in message.properties { write(property, to: &writer) }
            writer.line("/// Fields that the schema lacks, as they came.")
            writer.line("public var unknownFields: [UInt8]")
            for oneof in message.oneofs {
                writer.gap()
                write(oneof, to: &writer)
            }
            for item in nested {
                writer.gap()
                item.write(to: &writer)
            }
            for item in enums {
                writer.gap()
                item.write(to: &writer)
            }
        }
    }

    private func write(_ property: SwiftProperty, to writer: inout SourceWriter) {
        writer.comment(property.comment)
        guard property.isBoxed else {
            writer.line("public var \(property.name): \(property.type)")
            return
        }
        writer.block("public var \(property.name): \(property.type)") { writer in
            writer.line("get { \(property.stored)?.value }")
            writer.line("set { \(property.stored) = newValue.map(Indirect.init) }")
        }
        writer.line("var \(property.stored): Indirect<\(property.type.dropLast())>?")
    }

    /// Outside the struct, which so keeps the initializer that the compiler makes for it: that one
    /// alone builds a large value in place, where assignments to `self` end with a copy of it.
    func writeInitializers(to writer: inout SourceWriter) {
        writer.gap()
        writer.block("extension \(message.fullName)") { writer in
            writeInitializer(to: &writer)
        }
        for item in nested { item.writeInitializers(to: &writer) }
    }

    private func writeInitializer(to writer: inout SourceWriter) {
        let properties = message.properties
        guard let first = properties.first else {
            writer.line("public init() { self.init(unknownFields: []) }")
            return
        }
        writer.line("public init() { self.init(\(first.label): \(first.zero)) }")
        writer.gap()
        let parameters = properties.map { "\($0.name): \($0.type) = \($0.zero)" }
        if parameters.count > 1 {
            writer.line("public init(")
            writer.indented { writer in
                for parameter in parameters.dropLast() { writer.line(parameter + ",") }
                writer.line(parameters[parameters.count - 1])
            }
        }
        writer.block(parameters.count > 1 ? ")" : "public init(\(parameters[0]))") { writer in
            writer.line("self.init(")
            writer.indented { writer in
                for property in properties {
                    let box = property.isBoxed ? ".map(Indirect.init)" : ""
                    writer.line("\(property.storedLabel): \(property.name)\(box),")
                }
                writer.line("unknownFields: [])")
            }
        }
    }

    private func write(_ oneof: SwiftOneof, to writer: inout SourceWriter) {
        writer.comment(oneof.proto.comment)
        let indirect = oneof.isRecursive ? "indirect " : ""
        writer.block("public \(indirect)enum \(oneof.name): Sendable, Hashable") { writer in
            for choice in oneof.choices {
                writer.comment(choice.proto.comment)
                writer.line("case \(choice.name)(\(choice.element.swift))")
            }
        }
    }
}
