import Configuration
import Events
import Handlers
import Telemetry

/// `notifications`: where messages go, and what they say.
struct NotificationOptions: Sendable, Hashable {
    enum Sink: Sendable, Hashable { case log }

    let sink: Sink
    /// The built-in ones where the file has none.
    let templates: [NotificationTemplate]

    init(_ section: ConfigurationSection) {
        sink = section.choice("sink", [("log", .log)]) ?? .log
        let own = section.sections("templates", atMost: 500, Self.template) ?? []
        templates = own.isEmpty ? NotificationTemplate.standard : own
    }

    func handler(_ logger: Logger) -> NotificationHandler {
        switch sink {
        case .log: NotificationHandler(templates: templates, sink: LogSink(logger: logger))
        }
    }

    private static func template(_ section: ConfigurationSection) -> NotificationTemplate? {
        section.require("name", "type", "title")
        let name = section.text("name")
        let types = section.value("type", "must be a type pattern such as order.*") {
            TypePattern($0)
        }
        let status = section.choice("status", NotificationTemplate.statuses.map { ($0, $0) })
        func text(_ key: String) -> TextTemplate? {
            section.value(
                key, "must be a text of at most 16 KiB with fields as {order.number}; {{ is a brace"
            ) { TextTemplate($0) }
        }
        let (to, title, body) = (text("to"), text("title"), text("text"))
        guard let name, let types, let title, let none = TextTemplate("") else { return nil }
        return NotificationTemplate(
            name: name, types: types, status: status, to: to ?? none, title: title,
            text: body ?? none)
    }
}
