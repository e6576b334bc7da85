import Configuration
import Events
import Handlers
import Neighbours

/// What `serve --config FILE` reads: one property a section.
struct ConfigurationFile: Sendable {
    /// By the handlers' names.
    let handlers: [String: HandlerOptions]
    let neighbours: NeighbourSettings

    /// Without a file.
    static let empty = ConfigurationFile(handlers: [:], neighbours: NeighbourSettings())

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

    private init(handlers: [String: HandlerOptions], neighbours: NeighbourSettings) {
        self.handlers = handlers
        self.neighbours = neighbours
    }

    /// - Parameter shipped: The handlers that may be spoken of.
    init(_ root: ConfigurationSection, shipped: HandlerRegistry) {
        let known = shipped.entries.map(\.traits) + NeighbourTraits.usual
        handlers = HandlerOptions.read(root, known: known)
        neighbours =
            root.section("neighbours", NeighbourSettings.init) ?? NeighbourSettings()
    }

    /// What differs and counts after a restart only, as paths in the file.
    func fixed(since other: ConfigurationFile) -> [String] {
        let names = Set(handlers.keys).union(other.handlers.keys)
        let usual = HandlerOptions()
        return names.filter { (handlers[$0] ?? usual) != (other.handlers[$0] ?? usual) }
            .sorted().map { "handlers.\($0)" }
            + (neighbours == other.neighbours ? [] : ["neighbours"])
    }
}
