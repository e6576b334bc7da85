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
        let names = Set(handlers.keys).union(other.handlers.keys)
        let usual = HandlerOptions()
        let changed = names.filter { (handlers[$0] ?? usual) != (other.handlers[$0] ?? usual) }
        return changed.sorted().map { "handlers.\($0)" }
            + (neighbours == other.neighbours ? [] : ["neighbours"]) + fixedWebhooks(since: other)
            + (isNotifying(as: other) ? [] : ["notifications"])
            + (ledger == other.ledger ? [] : ["ledger"])
    }

    private func isNotifying(as other: ConfigurationFile) -> Bool {
        guard let notifications, let others = other.notifications else {
            return notifications == other.notifications
        }
        return notifications.isFixed(as: others)
    }

    /// Which endpoints there are, the types they get, and how the engine hands them events.
    private func fixedWebhooks(since other: ConfigurationFile) -> [String] {
        func byName(_ file: ConfigurationFile) -> [String: WebhookEndpoint] {
            Dictionary(file.webhooks.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        let (new, old) = (byName(self), byName(other))
        return Set(new.keys).union(old.keys).sorted().flatMap { name -> [String] in
            guard let new = new[name], let old = old[name] else { return ["webhooks.\(name)"] }
            var differing: [String] = []
            if new.types != old.types { differing.append("types") }
            if new.options.concurrency != old.options.concurrency {
                differing.append("concurrency")
            }
            if new.options.retry != old.options.retry { differing.append("retry") }
            if new.options.ordering != old.options.ordering { differing.append("ordering") }
            return differing.map { "webhooks.\(name).\($0)" }
        }
    }
}
