public import IO
public import Postgres
public import Telemetry

/// Brings the schema up to date. Safe to run on many nodes at once.
public struct Migrator: Sendable {
    /// Why the schema was left as it is.
    public enum Refusal: Error, Sendable, Hashable {
        /// The database was migrated by a newer release: migrations this one does not know.
        case newerSchema([String])
        /// A migration was applied with another text.
        case changedMigration(String)
    }

    private let migrations: [Migration]
    private let logger: Logger

    public init(logger: Logger) {
        self.init(Migration.all, logger: logger)
    }

    init(_ migrations: [Migration], logger: Logger) {
        self.migrations = migrations
        self.logger = logger
    }

    /// Applies what is missing, each migration in a transaction of its own.
    ///
    /// - Returns: The names of the migrations that were applied now.
    /// - Throws: ``Refusal``, `PostgresError`.
    public func run(
        _ configuration: PostgresConfiguration, on loop: IOLoop
    ) async throws -> [String] {
        var configuration = configuration
        configuration.statementTimeout = nil
        let connection = try await PostgresConnection.connect(
            configuration, on: loop, logger: logger)
        do {
            let applied = try await run(on: connection)
            await connection.close()
            return applied
        } catch {
            await connection.close()
            throw error
        }
    }

    private func run(on connection: PostgresConnection) async throws -> [String] {
        try await connection.transaction { transaction in
            _ = try await transaction.execute(SQLText.migrationsLock)
            try await transaction.script(Self.prepare)
        }
        var applied: [String] = []
        while let name = try await applyNext(on: connection) {
            logger.info("Migrated the database", [.migration: .string(name)])
            applied.append(name)
        }
        return applied
    }

    private static let prepare = String(
        decoding: PackageResources.migrations_prepare_sql, as: UTF8.self)

    /// Looks again under the lock each time, since another node may have been faster.
    private func applyNext(on connection: PostgresConnection) async throws -> String? {
        try await connection.transaction { transaction in
            _ = try await transaction.execute(SQLText.migrationsLock)
            let rows = try await transaction.execute(
                SQLText.migrationsApplied,
                [.textArray(migrations.map(\.name)), .textArray(migrations.map(\.sql))])
            let applied = try check(rows)
            guard let next = migrations.first(where: { !applied.contains($0.name) }) else {
                return nil
            }
            try await transaction.script(next.sql)
            _ = try await transaction.execute(
                SQLText.migrationsRecord, [.text(next.name), .text(next.sql)])
            return next.name
        }
    }

    private func check(_ rows: Rows) throws -> Set<String> {
        var applied: Set<String> = []
        var unknown: [String] = []
        for row in rows {
            let name = try row.string(0)
            applied.insert(name)
            if try !row.bool(1) {
                unknown.append(name)
            } else if try !row.bool(2) {
                throw Refusal.changedMigration(name)
            }
        }
        guard unknown.isEmpty else { throw Refusal.newerSchema(unknown) }
        return applied
    }
}
