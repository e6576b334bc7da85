public import EventProtos
public import Events
import GRPC
public import Telemetry

/// `apus.v1.EventService`: one file per RPC, each of them proto in, call of the rules, proto out.
public struct EventServiceServer: ApusV1.EventServiceProvider {
    /// Bounds of the service itself; those of events are the publisher's.
    public struct Limits: Sendable {
        /// Requests of one PublishStream that are stored at the same time.
        public var streamedPublishesInFlight = 32
        /// Events that GetEvent and ListEvents have read and not answered with yet, and those that
        /// Replay plans with, over all calls; who finds no room waits, tenants in turn. A quarter is
        /// for GetEvent alone.
        public var maxReadingBytes = 24 << 20

        public init() {}
    }

    let log: any EventLog
    let books: any HandlerBooks
    let listing: StatusListing
    let handlers: HandlerHost
    let replays: Replays
    let healthReporter: HealthReporter
    let publisher: Publisher
    let subscriptions: Subscriptions
    let groups: Groups
    let callers: Callers
    let statistics = ServiceStatistics()
    let limits: Limits
    let faults: Faults
    /// Of pages.
    let reading: Turnstile
    /// Of single events, which never wait for a page.
    let lookingUp: Turnstile

    public init(
        log: any EventLog, books: any HandlerBooks, handlers: HandlerHost, replays: Replays,
        publisher: Publisher,
        subscriptions: Subscriptions, groups: Groups, callers: Callers,
        healthReporter: HealthReporter,
        logger: Logger, limits: Limits = Limits()
    ) {
        self.log = log
        self.books = books
        listing = StatusListing(log: log, books: books)
        self.handlers = handlers
        self.replays = replays
        self.healthReporter = healthReporter
        self.publisher = publisher
        self.subscriptions = subscriptions
        self.groups = groups
        self.callers = callers
        faults = Faults(logger: logger)
        self.limits = limits
        let forLookUps = limits.maxReadingBytes / 4
        reading = Turnstile(room: limits.maxReadingBytes - forLookUps)
        lookingUp = Turnstile(room: forLookUps)
    }

    /// Runs an RPC's body; a refusal leaves as its gRPC status.
    func mapped<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await faults.mapped(body)
    }
}
