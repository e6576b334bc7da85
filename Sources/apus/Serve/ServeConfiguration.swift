import EventService
import Events
import GRPC
import Glibc
import PostgresLog
import Telemetry

/// What `apus serve` was told.
struct ServeConfiguration: Sendable {
    static let flags =
        Doors.flags + ownFlags + NeighbourSettings.flags + RetentionFlags.flags + LimitFlags.flags

    private static let ownFlags: [Flag] = [
        .value(
            "config", "FILE",
            "YAML: handlers, webhooks and more; read again at SIGHUP. `apus config check` says what is wrong"
                + " with it."),
        .value("database", "URI", "A Postgres 15 of yours; without it a private one is started."),
        .value(
            "data-dir", "PATH",
            "Of the private Postgres; default \(StorePlace.defaultDataDirectory)."),
        .value("database-connections", "COUNT", "Connections for reading; default 8."),
        .value("loops", "COUNT", "Event loops; default: one for each processor."),
        .value("max-event-bytes", "BYTES", "Of one event; default 1048576."),
        .value("max-request-bytes", "BYTES", "Of the events of one request; default 4194304."),
        .value("max-request-events", "COUNT", "Events of one request; default 1000."),
        .value(
            "outbox-interval", "DURATION",
            "How often to look for events that were published in SQL, at most 10s; default 25ms."),
        .value("drain-timeout", "DURATION", "How long calls may go on after SIGTERM; default 10s."),
        .value(
            "lease-time", "DURATION",
            "A node not heard of for so long loses its work to others; default 6s."
        ),
        .toggle("no-audit", "Writes no audit trail; another node may."),
        .value(
            "audit-interval", "DURATION",
            "Between publications of the audit trail's end, at least 1s; default 1h."),
        LedgerKeeping.flag,
        .toggle(
            "no-payloads",
            "Writes no payloads as JSON for public.events; another node may."),
        .toggle("insecure", "Listens beyond loopback although callers are not authenticated."),
        .toggle("insecure-all-tenants", "Every caller may act for every tenant."),
        .value(
            "log-level", "LEVEL",
            "trace, debug, info, notice, warning, error or critical; default info."),
        .value("log-format", "FORMAT", "text or json; default text."),
    ]

    let doors: Doors
    /// Nil: without a file.
    let configurationPath: String?
    let place: StorePlace
    let databaseConnections: Int
    let loops: Int
    let limits: PublishLimits
    let rpc: RPCServerConfiguration
    let service: EventServiceServer.Limits
    let log: PostgresEventLog.Configuration
    let outbox: OutboxDrainer.Configuration
    /// Nil: this node writes none.
    let audit: AuditRunner.Configuration?
    /// Nil: this node writes none.
    let payloads: PayloadWriter.Configuration?
    /// Nil: as the file says.
    let ledger: LedgerKeeping?
    let drainTimeout: Duration
    let leaseTime: Duration
    let neighbours: NeighbourSettings
    let isInsecure: Bool
    let allTenants: Bool
    let logLevel: LogLevel
    let logFormat: LogFormat

    init(_ arguments: ParsedArguments) throws(UsageError) {
        doors = try Doors(arguments)
        configurationPath = arguments.string("config")
        place = try StorePlace(arguments)
        databaseConnections = try arguments.integer("database-connections", in: 1...1_000) ?? 8
        loops =
            try arguments.integer("loops", in: 1...256)
            ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        var limits = PublishLimits()
        limits.maxEventBytes =
            try arguments.bytes("max-event-bytes", in: 1_024...(16 << 20)) ?? limits.maxEventBytes
        limits.maxRequestBytes =
            try arguments.bytes("max-request-bytes", in: 1_024...(64 << 20))
            ?? limits.maxRequestBytes
        limits.maxEvents =
            try arguments.integer("max-request-events", in: 1...10_000) ?? limits.maxEvents
        self.limits = limits
        var log = try LimitFlags.log(arguments)
        log.retention = try RetentionFlags.policy(arguments)
        log.partitionEvents = try arguments.integer("partition-events", in: 100...100_000_000)
        self.log = log
        service = try LimitFlags.service(arguments)
        var rpc = try LimitFlags.configuration(arguments)
        // Room for what a request holds besides its events.
        rpc.maxMessageBytes = limits.maxRequestBytes + (64 << 10)
        self.rpc = rpc
        drainTimeout = try arguments.duration("drain-timeout") ?? .seconds(10)
        leaseTime = try arguments.duration("lease-time") ?? .seconds(6)
        guard leaseTime >= .seconds(1) else { throw UsageError("--lease-time must be at least 1s") }
        outbox = try Self.outbox(arguments, leaseTime: leaseTime)
        neighbours = try NeighbourSettings(arguments)
        audit = try Self.audit(arguments, leaseTime: leaseTime)
        var payloads = PayloadWriter.Configuration()
        payloads.leaseTime = leaseTime
        self.payloads = arguments.isSet("no-payloads") ? nil : payloads
        ledger = try arguments.choice("ledger", LedgerKeeping.choices)
        isInsecure = arguments.isSet("insecure")
        allTenants = arguments.isSet("insecure-all-tenants")
        logLevel =
            try arguments.choice("log-level", LogLevel.allCases.map { ("\($0)", $0) }) ?? .info
        logFormat = try arguments.choice("log-format", [("text", .text), ("json", .json)]) ?? .text
    }

    private static func audit(
        _ arguments: ParsedArguments, leaseTime: Duration
    ) throws(UsageError) -> AuditRunner.Configuration? {
        var audit = AuditRunner.Configuration()
        audit.leaseTime = leaseTime
        if let interval = try arguments.duration("audit-interval") {
            guard interval >= .seconds(1) else {
                throw UsageError("--audit-interval must be at least 1s")
            }
            audit.publishInterval = interval
        }
        return arguments.isSet("no-audit") ? nil : audit
    }

    private static func outbox(
        _ arguments: ParsedArguments, leaseTime: Duration
    ) throws(UsageError) -> OutboxDrainer.Configuration {
        var outbox = OutboxDrainer.Configuration()
        outbox.leaseTime = leaseTime
        if let interval = try arguments.duration("outbox-interval") {
            guard (.milliseconds(1)...(.seconds(10))).contains(interval) else {
                throw UsageError("--outbox-interval must be from 1ms to 10s")
            }
            outbox.interval = interval
        }
        return outbox
    }
}
