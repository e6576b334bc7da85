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

    /// How long to go on trying for tables that are in use.
    private static let patience: Duration = .seconds(300)

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
    /// Nodes may be at work meanwhile: a migration does not wait for tables that others use, but
    /// tries again.
    ///
    /// - Returns: The names of the migrations that were applied now.
    /// - Throws: ``Refusal``, `PostgresError`.
    public func run(
        _ configuration: PostgresConfiguration, on loop: IOLoop
    ) async throws -> [String] {
        var configuration = configuration
        configuration.statementTimeout = nil
        return try await withConnection(configuration, on: loop) { try await run(on: $0) }
    }

    /// What ``run(_:on:)`` would apply; changes nothing.
    ///
    /// - Throws: ``Refusal``, `PostgresError`.
    public func pending(
        _ configuration: PostgresConfiguration, on loop: IOLoop
    ) async throws -> [String] {
        try await withConnection(configuration, on: loop) { connection in
            guard try await isPrepared(on: connection) else { return migrations.map(\.name) }
            let applied = try await applied(on: connection)
            return migrations.map(\.name).filter { !applied.contains($0) }
        }
    }

    private func withConnection<Result>(
        _ configuration: PostgresConfiguration, on loop: IOLoop,
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await PostgresConnection.connect(
            configuration, on: loop, logger: logger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    private func isPrepared(on connection: PostgresConnection) async throws -> Bool {
        try await connection.execute(SQLText.migrationsTable).only().bool(0)
    }

    private func applied(on connection: PostgresConnection) async throws -> Set<String> {
        try check(try await connection.execute(SQLText.migrationsApplied, known))
    }

    private var known: [Parameter] {
        [.textArray(migrations.map(\.name)), .textArray(migrations.map(\.sql))]
    }

    private func run(on connection: PostgresConnection) async throws -> [String] {
        if try await !isPrepared(on: connection) {
            try await connection.transaction { transaction in
                _ = try await transaction.execute(SQLText.migrationsPrepareLock)
                try await transaction.script(Self.prepare)
            }
        }
        var applied: [String] = []
        while let name = try await applyNextPatiently(on: connection) {
            logger.info("Migrated the database", [.migration: .string(name)])
            applied.append(name)
        }
        return applied
    }

    private static let prepare = String(
        decoding: PackageResources.migrations_prepare_sql, as: UTF8.self)

    private func applyNextPatiently(on connection: PostgresConnection) async throws -> String? {
        let end = ContinuousClock.now + Self.patience
        var pause = Backoff()
        var saidSo = false
        while true {
            do {
                return try await applyNext(on: connection)
            } catch let error as PostgresError
                where error.isLockTimeout && ContinuousClock.now < end
            {
                if !saidSo {
                    logger.warning(
                        "A transaction uses a table that a migration changes; waiting for it to end"
                    )
                }
                saidSo = true
                try await Task.sleep(for: pause.delay())
            }
        }
    }

    /// Looks again under the lock each time, since another node may have been faster.
    private func applyNext(on connection: PostgresConnection) async throws -> String? {
        try await connection.transaction { transaction in
            _ = try await transaction.execute(SQLText.migrationsLock)
            let applied = try check(
                try await transaction.execute(SQLText.migrationsApplied, known))
            guard let next = migrations.first(where: { !applied.contains($0.name) }) else {
                return nil
            }
            _ = try await transaction.execute(SQLText.migrationsPatience)
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
