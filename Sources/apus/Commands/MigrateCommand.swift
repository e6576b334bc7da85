import IO
import Telemetry

struct MigrateCommand: Command {
    static let syntax = CommandSyntax(
        "migrate", summary: "Brings a database's tables up to date; serve does so too.",
        flags: [
            .value("database", "URI", "A Postgres 15 of yours."),
            .value(
                "data-dir", "PATH",
                "Of a private Postgres that no serve is using; default"
                    + " \(StorePlace.defaultDataDirectory)."),
            .toggle("json", "Prints JSON."),
        ])

    private let place: StorePlace
    private let json: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        place = try StorePlace(arguments)
        json = arguments.isSet("json")
    }

    func run(_ terminal: Terminal) async throws {
        let loops = try IOLoopGroup(count: 1)
        defer { loops.stop() }
        let logger = Logger(label: "migrate", level: .warning)
        let store = try await Store.open(place, logger: logger)
        do {
            let applied = try await store.migrate(on: loops.loops[0], logger: logger)
            if json {
                let names = applied.map { "\"\($0)\"" }.joined(separator: ",")
                terminal.print("{\"applied\":[\(names)]}")
            } else {
                terminal.print(
                    applied.isEmpty ? "up to date" : "applied " + applied.joined(separator: ", "))
            }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}
