package import EventService
package import Events
package import IO
package import Postgres
package import PostgresLog
package import Telemetry

/// A log as a process has it: its connections, what comes in at its end, and the door for what the
/// process publishes itself.
package struct LogParts: Sendable {
    package struct Settings: Sendable {
        /// For reading, besides the two that write and listen.
        package var connections = 8
        package var log = PostgresEventLog.Configuration()
        package var limits = PublishLimits()

        package init() {}
    }

    /// Names this process, and no other, in ledger and leases.
    package let node: String
    package let database: PostgresConfiguration
    package let pool: PostgresPool
    package let log: PostgresEventLog
    package let tail: EventTail
    private let published: PublishedEvents
    package let subscriptions: Subscriptions
    package let leases: PostgresLeases
    package let schemas: Schemas
    package let publisher: Publisher
    package let loops: IOLoopGroup
    /// Where the parts run that nobody calls, but for handlers and replays: theirs is others' code.
    package let background: IOLoop
    package let clock: LoopClock
    package let metrics: MetricsRegistry

    package init(
        node: String, _ database: PostgresConfiguration, _ settings: Settings, loops: IOLoopGroup,
        metrics: MetricsRegistry, logger: Logger
    ) {
        self.node = node
        self.database = database
        self.loops = loops
        self.metrics = metrics
        pool = PostgresPool(
            database, size: settings.connections, loops: loops,
            logger: logger.labelled("postgres"))
        log = PostgresEventLog(
            database, pool: pool, loops: loops, configuration: settings.log, metrics: metrics,
            logger: logger.labelled("log"))
        background = loops.next()
        clock = LoopClock(background)
        tail = EventTail(log: log, clock: clock, logger: logger.labelled("tail"))
        published = PublishedEvents(metrics)
        log.add(tail)
        log.add(published)
        subscriptions = Subscriptions(log: log, tail: tail)
        leases = PostgresLeases(pool: pool)
        schemas = Schemas(maxEventBytes: settings.limits.maxEventBytes)
        publisher = Publisher(log: log, catalogue: schemas, limits: settings.limits)
    }

    /// Publishes what the process itself has to say, in the draft's tenant.
    ///
    /// - Throws: As `Publisher.publish(_:context:)`.
    package func publish(_ draft: EventDraft) async throws -> PublishOutcome {
        var draft = draft
        draft.fingerprint = schemas.fingerprint(of: draft)
        let context = PublishContext(caller: Caller(tenant: TenantID(unchecked: draft.tenant)))
        let outcomes = try await publisher.publish(
            PublishCommand(events: [draft]), context: context)
        guard let outcome = outcomes.first else { preconditionFailure("one event, no outcome") }
        return outcome
    }
}
