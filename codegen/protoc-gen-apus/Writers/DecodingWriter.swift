/// Writes the initializer that copies a C struct.
enum DecodingWriter {
    static func write(_ message: SwiftMessage, to writer: inout SourceWriter) {
        writer.block("init(copying c: UnsafePointer<\(message.cType)>)") { writer in
            for property in message.properties {
                if case .oneof(let oneof) = property.shape {
                    write(oneof, as: property, to: &writer)
                }
            }
            writer.line("self.init(")
            writer.indented { writer in
                for property in message.properties { write(property, to: &writer) }
                writer.line("unknownFields: unsafe copyUnknownFields(c.pointee.base))")
            }
        }
    }

    private static func write(_ property: SwiftProperty, to writer: inout SourceWriter) {
        let field = "c.pointee.\(CNames.field(property.proto.name))"
        let count = "c.pointee.\(CNames.count(property.proto.name))"
        let target = "\(property.storedLabel):"
        switch property.shape {
        case .plain(let element):
            writer.line("\(target) unsafe \(element.copied(field)),")
        case .optional(let element):
            let selector = "c.pointee._\(CNames.oneofCase(property.proto.name)).rawValue"
            let test = "\(selector) == \(property.proto.number)"
            if element.kind == .message {
                writer.line(
                    "\(target) unsafe \(test) ? \(optional(field, element, property)) : nil,")
            } else {
                writer.line("\(target) unsafe \(test) ? \(element.copied(field)) : nil,")
            }
        case .message(let element):
            writer.line("\(target) unsafe \(optional(field, element, property)),")
        case .list(let element):
            let helper = element.kind == .message ? "copyMessages" : "copyList"
            let mark = element.copyingIsUnsafe ? "unsafe " : ""
            writer.line(
                "\(target) unsafe \(helper)(\(count), \(field)) { \(mark)\(element.copied("$0")) },"
            )
        case .map(let key, let value, _):
            let keyCopy = key.copied("$0.pointee.key")
            let valueCopy =
                value.kind == .message
                ? "$0.pointee.value.map { unsafe \(value.copied("$0")) } ?? \(value.swift)()"
                : value.copied("$0.pointee.value")
            writer.line("\(target) unsafe copyMap(\(count), \(field)) {")
            writer.line("    unsafe (\(keyCopy), \(valueCopy))")
            writer.line("},")
        case .oneof(let oneof):
            writer.line("\(target) \(local(oneof)),")
        }
    }

    /// A pointer that may be null to a message that may be unset.
    private static func optional(
        _ field: String, _ element: ElementType, _ property: SwiftProperty
    ) -> String {
        let copy = element.copied("$0")
        return property.isBoxed
            ? "\(field).map { unsafe Indirect(\(copy)) }" : "\(field).map { unsafe \(copy) }"
    }

    /// What holds a oneof until all is there.
    private static func local(_ oneof: SwiftOneof) -> String {
        "chosen\(oneof.name)"
    }

    private static func write(
        _ oneof: SwiftOneof, as property: SwiftProperty, to writer: inout SourceWriter
    ) {
        let target = "\(local(oneof)) ="
        writer.line("let \(local(oneof)): \(property.type)")
        writer.line("switch unsafe c.pointee.\(CNames.oneofCase(oneof.proto.name)).rawValue {")
        for choice in oneof.choices {
            let field = "c.pointee.\(CNames.field(choice.proto.name))"
            writer.line("case \(choice.proto.number):")
            if choice.element.kind == .message {
                let copy = choice.element.copied("$0")
                writer.line(
                    "    \(target) unsafe \(field).map { unsafe .\(choice.name)(\(copy)) }")
            } else {
                writer.line(
                    "    \(target) unsafe .\(choice.name)(\(choice.element.copied(field)))")
            }
        }
        writer.line("default:")
        writer.line("    \(target) nil")
        writer.line("}")
    }
}
