import EventProtos
import EventService
import Events
import GRPC
import Glibc
import Handlers
import Hosting
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
    /// Of the listener with TLS, and of the ways to neighbours.
    private let reloaders: [TLSReloader]
    /// Nil: there is no file to read again.
    private let configurationReloader: ConfigurationReloader?
    private let store: Store
    private let log: LogParts
    private let host: HostParts
    private let groupGauges: GroupGauges
    private let outbox: OutboxDrainer
    private let neighbours: NeighbourParts
    /// For what follows the log and nobody waits for.
    private let followers: PostgresPool
    private let audit: AuditRunner?
    private let payloads: PayloadWriter?
    private let server: RPCServer
    private let logger: Logger

    init(
        _ configuration: ServeConfiguration, file: ConfigurationFile, webhooks: WebhookSending,
        tls: TLSContext?, store: Store, loops: IOLoopGroup, logger: Logger
    ) throws {
        self.configuration = configuration
        self.tls = tls
        self.store = store
        self.logger = logger
        let name = Self.name()
        let metrics = MetricsRegistry()
        var database = store.configuration
        database.applicationName = "apus \(name)"
        (configuration.ledger ?? file.ledger ?? .all).apply(to: &database)
        var settings = LogParts.Settings()
        settings.connections = configuration.databaseConnections
        settings.log = configuration.log
        settings.limits = configuration.limits
        let log = LogParts(
            node: name, database, settings, loops: loops, metrics: metrics, logger: logger)
        self.log = log
        let (clock, leases) = (log.clock, log.leases)
        groupGauges = GroupGauges(
            groups: PostgresGroups(pool: log.pool), leases: leases, node: name, clock: clock,
            metrics: metrics, logger: logger.labelled("groups"))
        let neighbours = try NeighbourParts(
            file.neighbours.with(configuration.neighbours), loops: loops, clock: clock,
            metrics: metrics, logger: logger.labelled("neighbours"))
        self.neighbours = neighbours
        let listener = tls.map {
            TLSReloader($0, on: loops.loops[0], logger: logger.labelled("tls"))
        }
        reloaders = [listener].compactMap(\.self) + neighbours.reloaders
        let handlers = NodeHandlers(
            log: log, neighbours: neighbours, webhooks: webhooks, logger: logger)
        let host = HostParts(
            on: log, registry: try handlers.registry(for: file),
            leaseTime: configuration.leaseTime, drainGrace: configuration.drainTimeout,
            logger: logger)
        self.host = host
        configurationReloader = configuration.configurationPath.map {
            ConfigurationReloader(
                $0, file: file, handlers: handlers, host: host.handlers,
                logger: logger.labelled("configuration"))
        }
        var following = log.database
        following.applicationName = "apus followers"
        following.givesWay = true
        // One for each of the two, so that neither waits for the other's lock.
        var sessions = PostgresPool.Limits(size: 2)
        sessions.minimum = 0
        let followers = PostgresPool(
            following, sessions, loops: loops, logger: logger.labelled("followers"))
        self.followers = followers
        let trail = PostgresAuditTrail(pool: followers)
        audit = configuration.audit.map { audit in
            AuditRunner(
                trail: trail, leases: leases, node: name, configuration: audit, clock: clock,
                metrics: metrics, logger: logger.labelled("audit")
            ) { head in
                switch try await log.publish(AuditEvents.draft(head)).outcome {
                case .stored(let position), .duplicate(let position): return position
                case .rejected(let error): throw error
                }
            }
        }
        payloads = configuration.payloads.map { payloads in
            PayloadWriter(
                table: PostgresPayloads(pool: followers), subscriptions: log.subscriptions,
                leases: leases, node: name, configuration: payloads, metrics: metrics,
                logger: logger.labelled("payloads"), json: { log.schemas.json(of: $0) })
        }
        outbox = OutboxDrainer(
            outbox: PostgresOutbox(
                database, log: log.log, loops: loops, logger: logger.labelled("outbox")),
            schemas: log.schemas, leases: leases, node: name, limits: configuration.limits,
            configuration: configuration.outbox, clock: clock, metrics: metrics,
            logger: logger.labelled("outbox"))

        let serving = Serving()
        let callers = Callers(allTenants: configuration.allTenants)
        let services = EventServiceServer(
            log: log.log, books: host.books, handlers: host.handlers, replays: host.replays,
            publisher: log.publisher, subscriptions: log.subscriptions, groups: host.groups,
            callers: callers,
            healthReporter: HealthReporter(
                version: Build.version, startedAt: Timestamp(SystemWallClock().now()), log: log.log,
                tail: log.tail, serving: serving, others: { neighbours.components }),
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
                    groups: host.groups, callers: callers, logger: logger.labelled("service")),
                HandlerServiceServer(
                    handlers: host.handlers,
                    deadLetters: PostgresDeadLetters(log: log.log, node: name),
                    callers: callers, logger: logger.labelled("service")),
                HealthProtocol(services: names, serving: serving),
                ReflectionService(
                    pool: EventCatalogue.pool, services: names + ReflectionService.serviceNames),
            ],
            interceptors: [CallMetrics(metrics), CallLogging(logger.labelled("grpc"))],
            configuration: rpc, loops: loops, metrics: metrics,
            logger: logger.labelled("grpc"),
            willShutDown: { [outbox, audit, payloads] in
                serving.stop()
                payloads?.drain()
                host.drain()
                log.subscriptions.drain()
                outbox.drain()
                audit?.drain()
            })
    }

    /// Serves until the first signal, then stops in good order.
    ///
    /// - Parameter ready: Told the addresses once calls are taken.
    /// - Throws: ``CommandFailure``, `IOError`, `PostgresError`, whatever ends one of the parts.
    func run(
        until signals: StopSignals,
        ready: @escaping @Sendable (String) -> Void
    ) async throws {
        let reloads = !reloaders.isEmpty || configurationReloader != nil
        let hangUps = reloads ? HangUps() : nil
        // Before anybody hears that it serves: up to here the signal ends the process.
        await hangUps?.listen()
        defer { withExtendedLifetime(hangUps) {} }
        let addresses = try await bind()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let postgres = store.server { group.addTask { try await postgres.run() } }
            let hangUps = hangUps?.received
            group.addTask {
                try await host.run {
                    try await run(hangUps) { try await serve(until: signals) { ready(addresses) } }
                }
            }
            // Whichever ends first: the node, in good order, or its Postgres, failing.
            _ = try await group.next()
            group.cancelAll()
        }
        await neighbours.close()
        logger.info("Stopped")
    }

    /// Runs what looks after the node beside what serves.
    private func run(
        _ hangUps: AsyncStream<Void>?, _ serve: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await followers.run() }
            group.addTask(executorPreference: log.background) { try await groupGauges.run() }
            for monitor in neighbours.monitors {
                group.addTask(executorPreference: log.background) { try await monitor.run() }
            }
            for reloader in reloaders { group.addTask { try await reloader.run() } }
            if let hangUps {
                group.addTask {
                    for await _ in hangUps {
                        for reloader in reloaders { reloader.reloadNow() }
                        await configurationReloader?.reload()
                    }
                }
            }
            group.addTask { try await serve() }
            // Whichever ends first: what serves, in good order, or one of the others, failing.
            _ = try await group.next()
            group.cancelAll()
        }
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
        until signals: StopSignals, ready: @escaping @Sendable () -> Void
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
            group.addTask { try await host.work() }
            group.addTask(executorPreference: log.background) { try await outbox.run() }
            if let audit {
                group.addTask(executorPreference: log.background) { try await audit.run() }
            }
            // Not on a loop: turning a page into JSON takes its time.
            if let payloads { group.addTask { try await payloads.run() } }
            for try await _ in group {}
        }
    }

    /// Returns when what drains after the first signal has had its time.
    private func stop(at signals: StopSignals) async {
        let pressed = await signals.first()
        if Task.isCancelled { return }
        logger.info("Stopping")
        await server.shutdown(grace: configuration.drainTimeout)
        // Groups wait for their members' answers as long as calls might have taken.
        let end = max(pressed + configuration.drainTimeout, .now + Self.handlersGrace)
        try? await Task.sleep(until: end)
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
