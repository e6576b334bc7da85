import Events
import Handlers
import Hosting
import Telemetry

/// The handlers of a node: those that ship with Apus, the neighbours' and the webhooks', as its
/// configuration file has them, which may become another one meanwhile.
struct NodeHandlers: Sendable {
    let log: LogParts
    let neighbours: NeighbourParts
    let webhooks: WebhookSending
    let logger: Logger

    /// - Throws: ``EventsError`` when a name is taken; `IOError`.
    func registry(for file: ConfigurationFile) throws -> HandlerRegistry {
        let notification = try webhooks.notification(file, logger.labelled("notifications"))
        var known = try HandlerRegistry.shipped(publish: log.publish, notification: notification)
        try neighbours.register(in: &known) { draft, tenant in
            var draft = draft
            draft.tenant = tenant.rawValue
            _ = try await log.publish(draft)
        }
        let options = HandlerOptions.shipped(file.handlers, notifies: notification != nil)
        // What is said of a neighbour's handler does no harm while the neighbour is not there.
        var registry = try known.configured(options.filter { known[$0.key] != nil })
        try webhooks.register(file, in: &registry)
        return registry
    }
}
