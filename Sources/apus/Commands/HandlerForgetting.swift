import Events
import IO
import Postgres
import PostgresLog
import Telemetry

/// `apus handlers forget`: works on the database itself, also beside nodes that serve.
struct HandlerForgetting: Sendable {
    static let flags: [Flag] = [
        .value("database", "URI", "Of forget: a Postgres 15 of yours."),
        .value(
            "data-dir", "PATH",
            "Of forget: of a private Postgres; default \(StorePlace.defaultDataDirectory)."),
        .toggle("discard-dead-letters", "Of forget: open dead letters go with the handler."),
    ]

    private let handler: String
    private let place: StorePlace
    private let isDiscarding: Bool

    init(_ handler: String, _ arguments: ParsedArguments) throws(UsageError) {
        self.handler = handler
        place = try StorePlace(arguments)
        isDiscarding = arguments.isSet("discard-dead-letters")
    }

    /// - Returns: What went with it.
    /// - Throws: ``CommandFailure`` that says what stands in the way, `PostgresError`.
    func run() async throws -> ForgottenHandler.Remains {
        let loops = try IOLoopGroup(count: 1)
        defer { loops.stop() }
        let logger = Logger(label: "handlers", level: .warning)
        let store = try await Store.openExisting(place, logger: logger)
        do {
            try await store.checkTables(on: loops.loops[0], logger: logger)
            let outcome = try await forget(in: store, loops, logger)
            await store.close()
            return try remains(outcome)
        } catch {
            await store.close()
            throw error
        }
    }

    private func forget(
        in store: Store, _ loops: IOLoopGroup, _ logger: Logger
    ) async throws -> ForgottenHandler {
        var configuration = store.configuration
        configuration.applicationName = "apus handlers forget"
        configuration.statementTimeout = nil
        let pool = PostgresPool(configuration, size: 1, loops: loops, logger: logger)
        return try await withThrowingTaskGroup(of: ForgottenHandler?.self) { group in
            group.addTask {
                try await pool.run()
                return nil
            }
            group.addTask {
                try await PostgresBooks(pool: pool).forget(
                    handler, discardingDeadLetters: isDiscarding, by: "apus handlers forget")
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome { return outcome }
            }
            throw CancellationError()
        }
    }

    private func remains(
        _ outcome: ForgottenHandler
    ) throws(CommandFailure) -> ForgottenHandler.Remains {
        switch outcome {
        case .forgotten(let remains): return remains
        case .unknown: throw CommandFailure("there is no handler \(handler)")
        case .registered(let standing):
            throw CommandFailure(
                "\(handler) is registered on \(standing.nodes.joined(separator: ", ")): take it out"
                    + " of their configuration first")
        case .hasDeadLetters(let consumer, let standing):
            let letters = EventText.count(standing.deadLettered, "open dead letter")
            throw CommandFailure(
                "\(letters) of \(consumer) would go with it: see `apus dead-letters list --consumer"
                    + " \(consumer)`, or say --discard-dead-letters")
        }
    }
}
