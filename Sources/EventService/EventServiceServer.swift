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
    let callers: Callers
    let statistics = ServiceStatistics()
    let limits: Limits
    private let logger: Logger

    public init(
        log: any EventLog, books: any HandlerBooks, handlers: HandlerHost, replays: Replays,
        publisher: Publisher,
        subscriptions: Subscriptions, callers: Callers, healthReporter: HealthReporter,
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
        self.callers = callers
        self.logger = logger
        self.limits = limits
    }

    /// Runs an RPC's body; a refusal leaves as its gRPC status.
    func mapped<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as EventsError {
            throw RPCError(told(error))
        }
    }

    /// What a client hears of an error: of our own faults a reference, under which the log has the
    /// rest.
    func told(_ error: EventsError) -> EventsError {
        guard error.code == .broken else { return error }
        let reference = String(UInt64.random(in: .min ... .max), radix: 36)
        logger.error(
            "A call failed",
            [.errorReference: .init(reference), .error: .init(error.message)])
        return EventsError(.broken, "internal error, reference \(reference)")
    }
}
