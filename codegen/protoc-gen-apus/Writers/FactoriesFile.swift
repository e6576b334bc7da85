/// The factories of one `.proto` file's events: a function for each type, which takes the payload's
/// fields and gives an event that can be published.
struct FactoriesFile {
    let content: String

    /// - Parameter runtime: The module that has events; nil: the one generated for.
    /// - Throws: ``GeneratorError`` when an option names a field that is not there.
    init(_ path: String, _ messages: [SwiftMessage], runtime: String?) throws(GeneratorError) {
        var factories: [EventFactory] = []
        for message in messages {
            if let event = message.proto.event {
                factories.append(try EventFactory(message, event))
            }
        }
        var writer = SourceWriter.file(from: path)
        writer.gap()
        if let runtime { writer.line("public import \(runtime)") }
        writer.gap()
        writer.block("extension ApusV1.Event") { writer in
            for factory in factories {
                writer.gap()
                factory.write(to: &writer)
            }
        }
        content = writer.text
    }
}

/// The factory of one event type.
private struct EventFactory {
    private let message: SwiftMessage
    private let event: EventOption
    private let subject: String

    init(_ message: SwiftMessage, _ event: EventOption) throws(GeneratorError) {
        self.message = message
        self.event = event
        for name in event.required
        where !message.properties.contains(where: { $0.protoName == name }) {
            throw GeneratorError(
                "\(message.proto.fullName) requires \(name), and has no such field")
        }
        subject = try Self.subject(event.subject, of: message)
    }

    /// `order/{order_id}` → `order/\(orderId)`.
    private static func subject(
        _ template: String, of message: SwiftMessage
    ) throws(GeneratorError) -> String {
        var text = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { break }
            let name = String(rest[rest.index(after: open)..<close])
            guard let property = message.properties.first(where: { $0.protoName == name }),
                property.type == "String"
            else {
                throw GeneratorError(
                    "the subject of \(message.proto.fullName) names \(name), which is no string of"
                        + " it")
            }
            text += rest[..<open] + "\\(\(property.name))"
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }

    func write(to writer: inout SourceWriter) {
        writeComment(to: &writer)
        let parameters = message.properties.map(parameter)
        writer.line("public static func \(name)(")
        writer.indented { writer in
            for (index, parameter) in parameters.enumerated() {
                writer.line(parameter + (index < parameters.count - 1 ? "," : ""))
            }
        }
        writer.block(") -> ApusV1.Event") { writer in
            writer.line("ApusV1.Event(")
            writer.indented { writer in
                writer.line("of: \(message.fullName)(")
                writer.indented { writer in
                    for (index, property) in message.properties.enumerated() {
                        let end = index < message.properties.count - 1 ? "," : "),"
                        writer.line("\(property.label): \(property.name)\(end)")
                    }
                }
                writer.line("type: \"\(event.type)\", version: \(max(event.version, 1)),")
                writer.line("kind: \(kind), subject: \"\(subject)\")")
            }
        }
    }

    private func writeComment(to writer: inout SourceWriter) {
        writer.comment(message.proto.comment)
        writer.comment(["", "An event `\(event.type)` of version \(max(event.version, 1))."])
        let told = message.properties.filter { !$0.comment.isEmpty }
        guard !told.isEmpty else { return }
        writer.comment(["", "- Parameters:"])
        for property in told {
            writer.comment(["  - \(property.label): \(property.comment[0])"])
            writer.comment(property.comment.dropFirst().map { "    \($0)" })
        }
    }

    /// `order.status_changed` → `orderStatusChanged`, of a later version `orderStatusChangedV2`.
    private var name: String {
        let camel = Words.lowerCamel(Words.upperCamel(event.type))
        return event.version > 1 ? "\(camel)V\(event.version)" : camel
    }

    private var kind: String {
        switch event.kind {
        case 1: ".domain"
        case 2: ".system"
        case 3: ".integration"
        default: ".unspecified"
        }
    }

    private func parameter(_ property: SwiftProperty) -> String {
        guard event.required.contains(property.protoName) else {
            return "\(property.label): \(type(property)) = \(property.zero)"
        }
        let type = type(property)
        return "\(property.label): \(type.hasSuffix("?") ? String(type.dropLast()) : type)"
    }

    /// A oneof's choices are named within its message.
    private func type(_ property: SwiftProperty) -> String {
        if case .oneof = property.shape { return "\(message.fullName).\(property.type)" }
        return property.type
    }
}
