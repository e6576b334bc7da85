import EventProtos
import EventService
import Events
import GRPC
import Glibc
import Handlers
import IO
import Neighbours
import Postgres
import PostgresLog
import Telemetry

/// One running service: builds the objects of ARCHITECTURE.md's picture, runs them side by side and
/// stops them in the order in which nobody loses anything.
struct Node: Sendable {
    private let configuration: ServeConfiguration
    private let tls: TLSContext?
    private let reloader: TLSReloader?
    /// Nil: there is no file to read again.
    private let configurationReloader: ConfigurationReloader?
    private let store: Store
    private let pool: PostgresPool
    private let log: PostgresEventLog
    private let tail: EventTail
    private let subscriptions: Subscriptions
    private let groups: Groups
    private let groupHints: GroupHints
    private let groupGauges: GroupGauges
    private let handlers: HandlerHost
    private let replays: Replays
    private let outbox: OutboxDrainer
    private let neighbours: NeighbourParts
    private let audit: AuditRunner?
    private let payloads: PayloadWriter?
    private let server: RPCServer
    /// Where the parts run that nobody calls, but for handlers and replays: theirs is others' code.
    private let background: IOLoop
    private let logger: Logger

    init(
        _ configuration: ServeConfiguration, file: ConfigurationFile, webhooks: WebhookSending,
        tls: TLSContext?, store: Store, loops: IOLoopGroup, logger: Logger
    ) throws {
        self.configuration = configuration
        self.tls = tls
        reloader = tls.map {
            TLSReloader($0, on: loops.loops[0], logger: logger.labelled("tls"))
        }
        configurationReloader = configuration.configurationPath.map {
            ConfigurationReloader(
                $0, file: file, webhooks: webhooks,
                logger: logger.labelled("configuration"))
        }
        self.store = store
        self.logger = logger
        let name = Self.name()
        let metrics = MetricsRegistry()
        var database = store.configuration
        database.applicationName = "apus \(name)"
        (configuration.ledger ?? file.ledger ?? .all).apply(to: &database)
        pool = PostgresPool(
            database, size: configuration.databaseConnections, loops: loops,
            logger: logger.labelled("postgres"))
        log = PostgresEventLog(
            database, pool: pool, loops: loops, configuration: configuration.log, metrics: metrics,
            logger: logger.labelled("log"))
        background = loops.next()
        let clock = LoopClock(background)
        tail = EventTail(log: log, clock: clock, logger: logger.labelled("tail"))
        log.add(tail)
        subscriptions = Subscriptions(log: log, tail: tail)

        let groupHints = GroupHints(
            database, pool: pool, loops: loops, logger: logger.labelled("groups"))
        self.groupHints = groupHints
        var sharing = Groups.Configuration()
        sharing.leaseTime = configuration.leaseTime
        sharing.drainGrace = configuration.drainTimeout
        groups = Groups(
            store: PostgresGroups(pool: pool), books: PostgresConsumers(log: log), log: log,
            tail: tail, node: name, configuration: sharing, clock: clock, metrics: metrics,
            logger: logger.labelled("groups"), tellOthers: { groupHints.tell() })

        let books = PostgresBooks(pool: pool)
        let leases = PostgresLeases(pool: pool)
        groupGauges = GroupGauges(
            groups: PostgresGroups(pool: pool), leases: leases, node: name, clock: clock,
            metrics: metrics, logger: logger.labelled("groups"))
        let schemas = Schemas(maxEventBytes: configuration.limits.maxEventBytes)
        let publisher = Publisher(log: log, catalogue: schemas, limits: configuration.limits)
        let publish = Self.ownPublishing(publisher, schemas)
        let neighbours = try NeighbourParts(
            file.neighbours.with(configuration.neighbours), loops: loops, clock: clock,
            metrics: metrics, logger: logger.labelled("neighbours"))
        self.neighbours = neighbours
        let notification = webhooks.notification(logger.labelled("notifications"))
        var known = try HandlerRegistry.shipped(publish: publish, notification: notification)
        try neighbours.register(in: &known) { draft, tenant in
            var draft = draft
            draft.tenant = tenant.rawValue
            _ = try await publish(draft)
        }
        let options = HandlerOptions.shipped(file.handlers, notifies: notification != nil)
        // What is said of a neighbour's handler does no harm while the neighbour is not there.
        var registry = try known.configured(options.filter { known[$0.key] != nil })
        try webhooks.register(in: &registry)
        let trail = PostgresAuditTrail(pool: pool)
        audit = configuration.audit.map { audit in
            AuditRunner(
                trail: trail, leases: leases, node: name, configuration: audit, clock: clock,
                metrics: metrics, logger: logger.labelled("audit")
            ) { head in
                switch try await publish(AuditEvents.draft(head)).outcome {
                case .stored(let position), .duplicate(let position): return position
                case .rejected(let error): throw error
                }
            }
        }
        payloads = configuration.payloads.map { [pool, subscriptions] payloads in
            PayloadWriter(
                table: PostgresPayloads(pool: pool), subscriptions: subscriptions, leases: leases,
                node: name, configuration: payloads, metrics: metrics,
                logger: logger.labelled("payloads"), json: { schemas.json(of: $0) })
        }
        handlers = HandlerHost(
            registry: registry, books: books, consumers: groups.consumers,
            failures: SystemErrors(
                publisher: publisher, metrics: metrics, logger: logger.labelled("handlers")),
            metrics: metrics, logger: logger.labelled("handlers"))
        replays = Replays(
            store: PostgresReplays(pool: pool), log: log, books: books, leases: leases,
            registry: registry, node: name, leaseTime: configuration.leaseTime, clock: clock,
            metrics: metrics, logger: logger.labelled("replays"))

        outbox = OutboxDrainer(
            outbox: PostgresOutbox(
                database, log: log, loops: loops, logger: logger.labelled("outbox")),
            schemas: schemas, leases: leases, node: name, limits: configuration.limits,
            configuration: configuration.outbox, clock: clock, metrics: metrics,
            logger: logger.labelled("outbox"))

        let serving = Serving()
        let callers = Callers(allTenants: configuration.allTenants)
        let services = EventServiceServer(
            log: log, books: books, handlers: handlers, replays: replays,
            publisher: publisher, subscriptions: subscriptions, groups: groups, callers: callers,
            healthReporter: HealthReporter(
                version: Build.version, startedAt: Timestamp(SystemWallClock().now()), log: log,
                tail: tail, serving: serving, others: { neighbours.components }),
            logger: logger.labelled("service"), limits: configuration.service)
        let names = [
            ApusV1.EventServiceMethods.service, ApusV1.GroupServiceMethods.service,
            ApusV1.HandlerServiceMethods.service, GrpcHealthV1.HealthMethods.service,
        ]
        var rpc = configuration.rpc
        rpc.plainResources = [Self.resource(metrics)]
        server = RPCServer(
            services: [
                services,
                GroupServiceServer(
                    groups: groups, callers: callers, logger: logger.labelled("service")),
                HandlerServiceServer(
                    handlers: handlers, deadLetters: PostgresDeadLetters(log: log, node: name),
                    callers: callers, logger: logger.labelled("service")),
                HealthProtocol(services: names, serving: serving),
                ReflectionService(
                    pool: EventCatalogue.pool, services: names + ReflectionService.serviceNames),
            ],
            interceptors: [CallMetrics(metrics), CallLogging(logger.labelled("grpc"))],
            configuration: rpc, loops: loops, metrics: metrics,
            logger: logger.labelled("grpc"),
            willShutDown: { [subscriptions, groups, replays, outbox, audit, payloads] in
                serving.stop()
                payloads?.drain()
                groups.drain()
                subscriptions.drain()
                replays.drain()
                outbox.drain()
                audit?.drain()
            })
    }

    /// Serves until the first signal, then stops in good order; a second signal ends it at once.
    ///
    /// - Parameter ready: Told the addresses once calls are taken.
    /// - Throws: ``CommandFailure``, `IOError`, `PostgresError`, whatever ends one of the parts.
    func run(
        until signals: AsyncStream<ContinuousClock.Instant>,
        ready: @escaping @Sendable (String) -> Void
    ) async throws {
        let reloads = reloader != nil || configurationReloader != nil
        let hangUps = reloads ? HangUps() : nil
        // Before anybody hears that it serves: up to here the signal ends the process.
        await hangUps?.listen()
        defer { withExtendedLifetime(hangUps) {} }
        let addresses = try await bind()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let postgres = store.server { group.addTask { try await postgres.run() } }
            group.addTask { try await pool.run() }
            try await log.open()
            try await handlers.register()
            group.addTask { try await log.run() }
            group.addTask(executorPreference: background) { try await tail.run() }
            group.addTask(executorPreference: background) {
                try await groupHints.run { groups.lookAgain() }
            }
            group.addTask(executorPreference: background) { try await groupGauges.run() }
            for monitor in neighbours.monitors {
                group.addTask(executorPreference: background) { try await monitor.run() }
            }
            if let reloader { group.addTask { try await reloader.run() } }
            if let hangUps = hangUps?.received {
                group.addTask {
                    for await _ in hangUps {
                        reloader?.reloadNow()
                        configurationReloader?.reload()
                    }
                }
            }
            group.addTask { try await serve(until: signals) { ready(addresses) } }
            // Whichever ends first: what serves, in good order, or one of the others, failing.
            _ = try await group.next()
            group.cancelAll()
        }
        await neighbours.close()
        logger.info("Stopped")
    }

    /// - Returns: Where it listens, for people.
    private func bind() async throws -> String {
        let doors = configuration.doors
        var addresses: [String] = []
        if let (host, port) = doors.plaintext {
            addresses.append("\(try await server.bind(host: host, port: port))")
        }
        if let (host, port) = doors.secure {
            addresses.append("\(try await server.bind(host: host, port: port, tls: tls)) (TLS)")
        }
        if let path = doors.unixPath {
            addresses.append("\(try await server.bind(unixPath: path))")
        }
        return addresses.joined(separator: ", ")
    }

    /// What clients see of the node; returns when all of it has stopped.
    private func serve(
        until signals: AsyncStream<ContinuousClock.Instant>, ready: @escaping @Sendable () -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask { await stop(at: signals) }
            ready()
            logger.info("Serving")
            _ = try await group.next()
            group.cancelAll()
        }
    }

    /// Each part ends by itself when the node drains; one that fails ends the others.
    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask(executorPreference: background) { try await groups.run() }
            group.addTask { try await handlers.run() }
            group.addTask { try await replays.run() }
            group.addTask(executorPreference: background) { try await outbox.run() }
            if let audit {
                group.addTask(executorPreference: background) { try await audit.run() }
            }
            // Not on a loop: turning a page into JSON takes its time.
            if let payloads { group.addTask { try await payloads.run() } }
            try await group.waitForAll()
        }
    }

    /// Returns when what drains after the first signal has had its time. The second signal ends the
    /// process at once; a private Postgres ends with it.
    private func stop(at signals: AsyncStream<ContinuousClock.Instant>) async {
        var first = ContinuousClock.now
        for await moment in signals {
            first = moment
            break
        }
        if Task.isCancelled { return }
        let pressed = first
        let pressedAgain = pressed + StopSignals.samePress
        logger.info("Stopping")
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await server.shutdown(grace: configuration.drainTimeout)
                // Groups wait for their members' answers as long as calls might have taken.
                let end = max(pressed + configuration.drainTimeout, .now + Self.handlersGrace)
                try? await Task.sleep(until: end)
            }
            group.addTask {
                for await moment in signals where moment > pressedAgain { _exit(1) }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// What handlers and replays get, at least, to finish the event that they are at.
    private static let handlersGrace: Duration = .seconds(5)

    /// Figures are of all tenants, so only those on this machine read them.
    private static func resource(_ metrics: MetricsRegistry) -> PlainResource {
        PlainResource(
            path: "/metrics", contentType: MetricsRegistry.expositionContentType, loopbackOnly: true
        ) {
            Array(metrics.exposition().utf8)
        }
    }

    /// The door of Publish, for what Apus and its handlers have to say.
    private static func ownPublishing(
        _ publisher: Publisher, _ schemas: Schemas
    ) -> PublishOwnEvent {
        { draft in
            var draft = draft
            draft.fingerprint = schemas.fingerprint(of: draft)
            let context = PublishContext(
                caller: Caller(tenant: TenantID(unchecked: draft.tenant)))
            let outcomes = try await publisher.publish(
                Events.PublishCommand(events: [draft]), context: context)
            guard let outcome = outcomes.first else { preconditionFailure("one event, no outcome") }
            return outcome
        }
    }

    /// Names this process, and no other, in ledger and leases.
    private static func name() -> String {
        let host =
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { name in
                guard let start = name.baseAddress, gethostname(start, name.count - 1) == 0 else {
                    return nil
                }
                return String(cString: start)
            } ?? "node"
        return "\(host)/\(getpid())/\(String(UInt32.random(in: 0 ... .max), radix: 16))"
    }
}
