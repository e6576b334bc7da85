import Configuration
import Events
import Handlers
import Neighbours
import Webhooks

/// What `serve --config FILE` reads: one property a section.
struct ConfigurationFile: Sendable {
    /// By the handlers' names.
    let handlers: [String: HandlerOptions]
    let neighbours: NeighbourSettings
    /// Those that are switched on.
    let webhooks: [WebhookEndpoint]
    /// Nil: nobody is told anything.
    let notifications: NotificationOptions?
    /// Nil: it says nothing of it.
    let ledger: LedgerKeeping?

    /// Without a file.
    static let empty = ConfigurationFile(
        handlers: [:], neighbours: NeighbourSettings(), webhooks: [], notifications: nil,
        ledger: nil)

    /// - Throws: All that is wrong with it.
    static func read(_ path: String) throws(ConfigurationError) -> ConfigurationFile {
        let shipped: HandlerRegistry
        do throws(EventsError) {
            shipped = try .shipped()
        } catch {
            preconditionFailure("The handlers that ship contradict each other: \(error.message)")
        }
        return try ConfigurationReader.read(file: path) { root in
            ConfigurationFile(root, shipped: shipped)
        }
    }

    private init(
        handlers: [String: HandlerOptions], neighbours: NeighbourSettings,
        webhooks: [WebhookEndpoint], notifications: NotificationOptions?, ledger: LedgerKeeping?
    ) {
        self.handlers = handlers
        self.neighbours = neighbours
        self.webhooks = webhooks
        self.notifications = notifications
        self.ledger = ledger
    }

    /// - Parameter shipped: The handlers that may be spoken of.
    init(_ root: ConfigurationSection, shipped: HandlerRegistry) {
        let known = shipped.entries.map(\.traits) + NeighbourTraits.usual
        handlers = HandlerOptions.read(root, known: known)
        neighbours =
            root.section("neighbours", NeighbourSettings.init) ?? NeighbourSettings()
        webhooks = WebhookEndpoint.read(root, taken: Set(known.map(\.name)))
        notifications = root.section("notifications") { NotificationOptions($0) }
        ledger = root.choice("ledger", LedgerKeeping.choices)
    }

    /// What differs and counts after a restart only, as paths in the file.
    func fixed(since other: ConfigurationFile) -> [String] {
        (neighbours == other.neighbours ? [] : ["neighbours"])
            + (ledger == other.ledger ? [] : ["ledger"])
    }

    /// Handlers that are others in what their traits do not show.
    func renewed(since other: ConfigurationFile) -> Set<String> {
        guard let notifications, let others = other.notifications,
            !notifications.isSame(as: others)
        else { return [] }
        return [NotificationHandler.handlerName]
    }
}
