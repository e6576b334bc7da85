import EventProtos
import Events
import Handlers
import IO
import Telemetry
import Webhooks

/// What the configuration file has sent over HTTP, and the thread that sends it.
final class WebhookSending: Sendable {
    /// That there is something to send may turn out while the node runs.
    private struct Sender {
        let client: HTTPClient
        let loop: IOLoop
    }

    private let endpoints = WebhookEndpoints([])
    private let sender = Lock<Sender?>(nil)
    /// Where notifications go, once they go by webhook.
    private let messages = Lock<WebhookMessages?>(nil)

    /// - Throws: ``EventsError`` when a name is taken; `IOError`.
    func register(_ file: ConfigurationFile, in registry: inout HandlerRegistry) throws {
        guard !file.webhooks.isEmpty else { return }
        let client = try client()
        for endpoint in file.webhooks {
            try registry.register(
                WebhookHandler(
                    endpoint, of: endpoints, client: client, pool: EventCatalogue.pool))
        }
    }

    /// What tells people; nil when the file does not say where.
    func notification(_ file: ConfigurationFile, _ logger: Logger) throws -> NotificationHandler? {
        guard let options = file.notifications else { return nil }
        guard let receiver = file.notificationReceiver else {
            return NotificationHandler(
                templates: options.templates, sink: LogSink(logger: logger))
        }
        let client = try client()
        let messages = messages.withLock { messages in
            let made = messages ?? WebhookMessages(to: receiver, client: client)
            messages = made
            return made
        }
        return NotificationHandler(
            templates: options.templates, sink: NotificationWebhook(messages: messages))
    }

    /// From the next request on, where it goes and how it is made is as the file says.
    func update(to file: ConfigurationFile) {
        endpoints.update(to: file.webhooks)
        guard let receiver = file.notificationReceiver else { return }
        messages.withLock { $0 }?.replace(with: receiver)
    }

    private func client() throws(IOError) -> HTTPClient {
        try sender.withLock { sender throws(IOError) in
            if let client = sender?.client { return client }
            let loop = try IOLoop(name: "apus-webhooks")
            let client = HTTPClient(on: loop, userAgent: "apus/\(Build.version)")
            sender = Sender(client: client, loop: loop)
            return client
        }
    }

    /// Ends the thread. Nothing sends any more when this is called.
    func stop() async {
        guard let sender = sender.withLock({ $0 }) else { return }
        await sender.client.close()
        sender.loop.stop()
    }
}

extension ConfigurationFile {
    /// Where notifications go; nil when they go nowhere or into the log.
    fileprivate var notificationReceiver: WebhookReceiver? {
        guard case .webhook(let receiver)? = notifications?.sink else { return nil }
        return receiver
    }
}
