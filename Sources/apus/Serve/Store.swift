import IO
import Postgres
import PostgresLog
import Telemetry

/// The Postgres that a command works on: the operator's, or a private one that it starts.
struct Store: Sendable {
    let configuration: PostgresConfiguration
    /// Nil when the operator runs Postgres.
    let server: LocalPostgres?

    /// - Throws: ``CommandFailure`` that says what to do, `PostgresError`.
    static func open(_ place: StorePlace, logger: Logger) async throws -> Store {
        if let database = place.database { return Store(configuration: database, server: nil) }
        let server = try await LocalPostgres.start(
            LocalPostgres.Options(dataDirectory: place.dataDirectory),
            logger: logger.labelled("postgres"))
        return Store(configuration: server.configuration, server: server)
    }

    /// One that is there already, also beside the node that runs a private server.
    ///
    /// - Throws: ``CommandFailure`` that says what to do, `PostgresError`.
    static func openExisting(_ place: StorePlace, logger: Logger) async throws -> Store {
        let directory = place.dataDirectory
        guard place.database != nil || LocalPostgres.hasCluster(in: directory) else {
            throw CommandFailure(
                "there is no log in \(directory); say where it is with --data-dir or"
                    + " --database")
        }
        let served = place.database ?? LocalPostgres.configuration(ofServerIn: directory)
        return try await open(
            StorePlace(database: served, dataDirectory: directory), logger: logger)
    }

    /// Brings the tables up to date.
    ///
    /// - Returns: What was applied.
    func migrate(on loop: IOLoop, logger: Logger) async throws -> [String] {
        try await explaining {
            try await Migrator(logger: logger).run(configuration, on: loop)
        }
    }

    /// - Throws: ``CommandFailure`` when the tables are not those of this release.
    func checkTables(on loop: IOLoop, logger: Logger) async throws {
        let missing = try await explaining {
            try await Migrator(logger: logger).pending(configuration, on: loop)
        }
        guard missing.isEmpty else {
            throw CommandFailure(
                "the tables are not those of this release (\(missing.joined(separator: ", "))"
                    + " not applied); run `apus migrate` first")
        }
    }

    private func explaining(_ body: () async throws -> [String]) async throws -> [String] {
        do {
            return try await body()
        } catch Migrator.Refusal.newerSchema(let unknown) {
            throw CommandFailure(
                "the database was migrated by a newer Apus (\(unknown.joined(separator: ", ")));"
                    + " run that release or a later one")
        } catch Migrator.Refusal.changedMigration(let name) {
            throw CommandFailure(
                "migration \(name) was applied with another text; run the release that made this"
                    + " database, or restore it")
        }
    }

    func close() async {
        await server?.stop()
    }

    /// For people.
    var location: String {
        server.map { "data in \($0.dataDirectory)" } ?? "data in \(configuration.location)"
    }
}
