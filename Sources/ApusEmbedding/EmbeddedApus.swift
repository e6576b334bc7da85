public import Events
import IO
import Postgres
import PostgresLog
public import Telemetry

/// Apus inside another service: its handlers, run in this process, on a database that any number of
/// `apus serve` share. Clients are served by those; what is known to them all (order, retries, dead
/// letters, the ledger, replays) counts for these handlers too, and every process that registers a
/// handler shares its work.
public enum EmbeddedApus {
    /// What an operator may tune.
    public struct Configuration: Sendable {
        /// A process that was not heard of for so long loses its work to others; at least 1 s.
        public var leaseTime: Duration = .seconds(6)
        /// For what runs when ``EmbeddedApus/run(database:configuration:metrics:logger:register:while:)`` ends.
        public var drainTime: Duration = .seconds(10)
        /// For reading, besides the two that write and listen.
        public var connections = 4
        /// Threads that wait for Postgres.
        public var loops = 1

        public init() {}
    }

    /// Runs handlers beside `body`; when that returns, lets them finish what they are at.
    ///
    /// Brings the database's tables up to date first, as `apus serve` does. Cancelling ends it at once;
    /// another process takes over what was running when the lease time is up.
    ///
    /// ```swift
    /// try await EmbeddedApus.run(database: "postgresql://…") { registry, publisher in
    ///     try registry.handle(ApusEventsLeadV1.LeadCreated.self) { event, context in … }
    /// } while: {
    ///     try await server.run()
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - database: A connection string of libpq's; Postgres itself, no pooler.
    ///   - metrics: Has the figures of the log and the handlers, beside those that the service keeps
    ///     in it; `metrics.exposition()` is their text.
    ///   - logger: Has the text of every failure; tenants see a class and a reference.
    ///   - register: Fills the registry; a handler may publish while it runs.
    ///   - body: Begins once the handlers are known to the log: what is published from then on
    ///     reaches them.
    /// - Returns: What the body returns.
    /// - Throws: What `register` and `body` throw; ``EventsError``, also when a handler bears the name of
    ///   one that ships with Apus, or of one of another kind; the store's errors.
    public static func run<Result: Sendable>(
        database: String, configuration: Configuration = Configuration(),
        metrics: MetricsRegistry = MetricsRegistry(), logger: Logger,
        register: (inout HandlerRegistry, EventPublisher) throws -> Void,
        while body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        let target = try PostgresConfiguration(connectionString: database)
        return try await run(
            on: target, configuration: configuration, metrics: metrics, logger: logger,
            register: register, while: body)
    }

    static func run<Result: Sendable>(
        on database: PostgresConfiguration, configuration: Configuration,
        metrics: MetricsRegistry = MetricsRegistry(), logger: Logger,
        register: (inout HandlerRegistry, EventPublisher) throws -> Void,
        while body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        var target = database
        target.applicationName = "apus embedded"
        let loops = try IOLoopGroup(count: configuration.loops, name: "apus-embedded")
        defer { loops.stop() }
        _ = try await Migrator(logger: logger).run(target, on: loops.loops[0])
        let parts = try EmbeddedParts(
            target, configuration, loops: loops, metrics: metrics, logger: logger,
            register: register)
        return try await parts.run(body)
    }
}
