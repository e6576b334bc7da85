/// Writes the function that builds a C struct.
///
/// protobuf-c leaves out what holds a default, so only what costs a copy is looked at here.
enum EncodingWriter {
    static func write(_ message: SwiftMessage, to writer: inout SourceWriter) {
        writer.block(
            "func packed(in arena: borrowing Arena) -> UnsafeMutablePointer<\(message.cType)>"
        ) { writer in
            writer.line("let c = unsafe arena.make(\(message.cType).self)")
            writer.line("unsafe \(message.cInitializer)(c)")
            for property in message.properties { write(property, to: &writer) }
            writer.line(
                "unsafe arena.setUnknownFields(self.unknownFields, of: &c.pointee.base)")
            writer.line("return unsafe c")
        }
    }

    private static func write(_ property: SwiftProperty, to writer: inout SourceWriter) {
        let field = "c.pointee.\(CNames.field(property.proto.name))"
        let count = "c.pointee.\(CNames.count(property.proto.name))"
        let value = "self.\(property.name)"
        switch property.shape {
        case .plain(let element):
            let assignment = assign(element, value, to: field)
            if let test = element.isZero(value) {
                writer.line("if !\(test) { \(assignment) }")
            } else {
                writer.line(assignment)
            }
        case .optional(let element):
            let selector = "c.pointee._\(CNames.oneofCase(property.proto.name)).rawValue"
            writer.block("if let value = \(value)") { writer in
                writer.line("unsafe \(selector) = \(property.proto.number)")
                writer.line(assign(element, "value", to: field))
            }
        case .message(let element):
            writer.line("if let value = \(value) { \(assign(element, "value", to: field)) }")
        case .list(let element):
            let mark = element.packingIsUnsafe ? "unsafe " : ""
            writer.block("if !\(value).isEmpty") { writer in
                writer.line("unsafe \(count) = \(value).count")
                writer.line(
                    "unsafe \(field) = arena.list(\(value)) { \(mark)\(element.packed("$0")) }")
            }
        case .map(let key, let mapped, let entry):
            writer.block("if !\(value).isEmpty") { writer in
                let order = key.kind == .bool ? "!$0.key && $1.key" : "$0.key < $1.key"
                writer.line("unsafe \(count) = \(value).count")
                writer.line("unsafe \(field) = arena.list(\(value).sorted { \(order) }) {")
                writer.indented { writer in
                    writer.line(
                        "let entry = unsafe arena.make(\(CNames.type(entry.fullName)).self)")
                    writer.line("unsafe \(CNames.initializer(entry.fullName))(entry)")
                    writer.line(assign(key, "$0.key", to: "entry.pointee.key"))
                    writer.line(assign(mapped, "$0.value", to: "entry.pointee.value"))
                    writer.line("return unsafe entry")
                }
                writer.line("}")
            }
        case .oneof(let oneof):
            write(oneof, value, to: &writer)
        }
    }

    private static func assign(_ element: ElementType, _ value: String, to field: String) -> String
    {
        if element.kind == .enumeration {
            return "unsafe \(field).rawValue = .init(truncatingIfNeeded: \(value).rawValue)"
        }
        return "unsafe \(field) = \(element.packed(value))"
    }

    private static func write(_ oneof: SwiftOneof, _ value: String, to writer: inout SourceWriter) {
        let selector = "c.pointee.\(CNames.oneofCase(oneof.proto.name)).rawValue"
        writer.line("switch \(value) {")
        for choice in oneof.choices {
            let field = "c.pointee.\(CNames.field(choice.proto.name))"
            writer.line("case .\(choice.name)(let value):")
            writer.line("    unsafe \(selector) = \(choice.proto.number)")
            writer.line("    \(assign(choice.element, "value", to: field))")
        }
        writer.line("case nil:")
        writer.line("    break")
        writer.line("}")
    }
}
