import EventProtos
import Events
import IO
import Webhooks

/// The webhooks of the configuration file, and the thread that sends them.
struct WebhookSending: Sendable {
    let endpoints: WebhookEndpoints
    private let configured: [WebhookEndpoint]
    /// Nil when there is nothing to send.
    private let client: HTTPClient?
    private let loop: IOLoop?

    init(_ file: ConfigurationFile) throws(IOError) {
        configured = file.webhooks
        endpoints = WebhookEndpoints(configured)
        guard !configured.isEmpty else {
            client = nil
            loop = nil
            return
        }
        let loop = try IOLoop(name: "apus-webhooks")
        self.loop = loop
        client = HTTPClient(on: loop, userAgent: "apus/\(Build.version)")
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

    /// Ends the thread. Nothing sends any more when this is called.
    func stop() async {
        await client?.close()
        loop?.stop()
    }
}
