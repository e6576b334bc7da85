import EventProtos
import Events
import Handlers
import IO
import Telemetry
import Webhooks

/// What the configuration file has sent over HTTP, and the thread that sends it.
struct WebhookSending: Sendable {
    private let configured: [WebhookEndpoint]
    private let endpoints: WebhookEndpoints
    private let notifications: NotificationOptions?
    /// Nil when notifications go elsewhere.
    private let messages: WebhookMessages?
    /// Nil when there is nothing to send.
    private let client: HTTPClient?
    private let loop: IOLoop?

    init(_ file: ConfigurationFile) throws(IOError) {
        configured = file.webhooks
        endpoints = WebhookEndpoints(configured)
        notifications = file.notifications
        guard !configured.isEmpty || file.notificationReceiver != nil else {
            messages = nil
            client = nil
            loop = nil
            return
        }
        let loop = try IOLoop(name: "apus-webhooks")
        let client = HTTPClient(on: loop, userAgent: "apus/\(Build.version)")
        self.loop = loop
        self.client = client
        messages = file.notificationReceiver.map { WebhookMessages(to: $0, client: client) }
    }

    /// - Throws: ``EventsError`` when a name is taken.
    func register(in registry: inout HandlerRegistry) throws(EventsError) {
        guard let client else { return }
        for endpoint in configured {
            try registry.register(
                WebhookHandler(
                    endpoint, of: endpoints, client: client, pool: EventCatalogue.pool))
        }
    }

    /// What tells people; nil when the file does not say where.
    func notification(_ logger: Logger) -> NotificationHandler? {
        notifications.map { options in
            NotificationHandler(
                templates: options.templates,
                sink: messages.map(NotificationWebhook.init) ?? LogSink(logger: logger))
        }
    }

    /// From the next request on, what may change under a running node is as the file says.
    func update(by file: ConfigurationFile) {
        endpoints.replace(with: file.webhooks)
        if let receiver = file.notificationReceiver { messages?.replace(with: receiver) }
    }

    /// Ends the thread. Nothing sends any more when this is called.
    func stop() async {
        await client?.close()
        loop?.stop()
    }
}

extension ConfigurationFile {
    /// Where notifications go; nil when they go nowhere or into the log.
    fileprivate var notificationReceiver: WebhookReceiver? {
        guard case .webhook(let receiver)? = notifications?.sink else { return nil }
        return receiver
    }
}
