public import Events
public import IO
public import Postgres
public import Telemetry

/// The outbox in the table `apus.outbox`, which `apus.publish()` fills.
public struct PostgresOutbox: Outbox {
    private let database: PostgresConfiguration
    private let log: PostgresEventLog
    private let loop: IOLoop
    private let logger: Logger

    /// - Parameter log: Where the events go; run by its owner.
    public init(
        _ database: PostgresConfiguration, log: PostgresEventLog, loops: IOLoopGroup,
        logger: Logger
    ) {
        var draining = database
        draining.applicationName = "apus outbox"
        draining.statementTimeout = .seconds(15)
        draining.sessionSettings["plan_cache_mode"] = "force_generic_plan"
        // The table is nearly empty or full of what is gone, and plans last for days: they must
        // not hang on what the statistics said when they were made.
        for way in ["seqscan", "bitmapscan", "hashjoin", "mergejoin"] {
            draining.sessionSettings["enable_\(way)"] = "off"
        }
        self.database = draining
        self.log = log
        self.logger = logger
        loop = loops.next()
    }

    /// Source: `SQL/open_epoch.sql`, `SQL/outbox_limits.sql`.
    public func withSession(
        under lease: Lease, limits: PublishLimits,
        _ body: (any OutboxSession) async throws -> Void
    ) async throws {
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(database, on: loop, logger: logger)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
        do {
            let session = PostgresOutboxSession(
                connection: connection, lease: lease, log: log)
            try await session.open(limits)
            try await body(session)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// Source: `SQL/outbox_backlog.sql`.
    public func backlog() async throws -> OutboxBacklog {
        do {
            return try await OutboxBacklog(
                log.pool.execute(OutboxSQL.backlog, OutboxScan().parameters).only())
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }
}
