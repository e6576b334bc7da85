import Configuration
import Events
import Handlers
import Webhooks

/// `notifications`: where messages go, and what they say.
struct NotificationOptions: Sendable, Hashable {
    enum Sink: Sendable, Hashable {
        case log
        case webhook(WebhookReceiver)
    }

    let sink: Sink
    /// The built-in ones where the file has none.
    let templates: [NotificationTemplate]

    init(_ section: ConfigurationSection) {
        let isWebhook = section.choice("sink", [("log", false), ("webhook", true)])
        let receiver = section.section("webhook") { section in
            section.require("url")
            return WebhookReceiver(section)
        }
        if isWebhook == true {
            section.require("webhook")
        } else if section.has("webhook"), isWebhook == false || !section.has("sink") {
            section.refuse("webhook", "has a meaning with sink: webhook only")
        }
        sink = isWebhook == true ? receiver.map { .webhook($0) } ?? .log : .log
        let own = section.sections("templates", atMost: 500, Self.template) ?? []
        templates = own.isEmpty ? NotificationTemplate.standard : own
    }

    /// Whether they are the same in all but how the webhook is reached, which is looked up for each.
    func isSame(as other: NotificationOptions) -> Bool {
        guard templates == other.templates else { return false }
        return switch (sink, other.sink) {
        case (.log, .log), (.webhook, .webhook): true
        default: false
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
