import EventService
import Events
import IO
import Postgres
import PostgresLog
import Telemetry

/// What of a node runs handlers, and no more.
struct EmbeddedParts: Sendable {
    private let pool: PostgresPool
    private let log: PostgresEventLog
    private let tail: EventTail
    private let groups: Groups
    private let hints: GroupHints
    private let handlers: HandlerHost
    private let replays: Replays
    private let publisher: EventPublisher
    private let drainTime: Duration

    init(
        _ database: PostgresConfiguration, _ configuration: EmbeddedApus.Configuration,
        loops: IOLoopGroup, logger: Logger,
        register: (inout HandlerRegistry, EventPublisher) throws -> Void
    ) throws {
        drainTime = configuration.drainTime
        let metrics = MetricsRegistry()
        let pool = PostgresPool(
            database, size: configuration.connections, loops: loops,
            logger: logger.labelled("postgres"))
        let log = PostgresEventLog(
            database, pool: pool, loops: loops, metrics: metrics, logger: logger.labelled("log"))
        let publishing = Publisher(log: log, catalogue: Schemas(maxEventBytes: Self.maxEventBytes))
        let publisher = EventPublisher(publisher: publishing)
        var registry = HandlerRegistry()
        try register(&registry, publisher)

        let node = "embedded/\(EventID.v7(at: Timestamp(SystemWallClock().now())))"
        tail = EventTail(log: log, logger: logger.labelled("tail"))
        log.add(tail)
        let hints = GroupHints(database, pool: pool, loops: loops, logger: logger)
        var sharing = Groups.Configuration()
        sharing.leaseTime = configuration.leaseTime
        sharing.drainGrace = configuration.drainTime
        groups = Groups(
            store: PostgresGroups(pool: pool), books: PostgresConsumers(log: log), log: log,
            tail: tail, node: node, configuration: sharing, metrics: metrics,
            logger: logger.labelled("handlers"), tellOthers: { hints.tell() })
        let books = PostgresBooks(pool: pool)
        handlers = HandlerHost(
            registry: registry, books: books, consumers: groups.consumers,
            failures: SystemErrors(
                publisher: publishing, metrics: metrics, logger: logger.labelled("handlers")),
            metrics: metrics, logger: logger.labelled("handlers"))
        replays = Replays(
            store: PostgresReplays(pool: pool), log: log, books: books,
            leases: PostgresLeases(pool: pool), registry: registry, node: node,
            leaseTime: configuration.leaseTime, metrics: metrics,
            logger: logger.labelled("replays"))
        self.pool = pool
        self.log = log
        self.hints = hints
        self.publisher = publisher
    }

    /// As `apus serve` has it unless it is told otherwise.
    private static let maxEventBytes = 1 << 20

    func run<Result: Sendable>(
        _ body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            func keep(_ part: @escaping @Sendable () async throws -> Void) {
                group.addTask {
                    try await part()
                    return nil
                }
            }
            defer { group.cancelAll() }
            keep { try await pool.run() }
            try await log.open()
            try await handlers.register()
            keep { try await log.run() }
            keep { try await tail.run() }
            keep { try await hints.run { groups.lookAgain() } }
            group.addTask { try await serve(body) }
            // None of the others ends but by failing.
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private enum Ended<Result: Sendable>: Sendable {
        case part
        case body(Swift.Result<Result, any Error>)
        case drainTime
    }

    /// The handlers beside the body; they drain when that ends, however it does.
    private func serve<Result: Sendable>(
        _ body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Ended<Result>.self) { group in
            defer { group.cancelAll() }
            let parts: [@Sendable () async throws -> Void] = [
                { try await groups.run() }, { try await handlers.run() },
                { try await replays.run() },
            ]
            for part in parts {
                group.addTask {
                    try await part()
                    return .part
                }
            }
            group.addTask {
                do {
                    return .body(.success(try await body(publisher)))
                } catch {
                    return .body(.failure(error))
                }
            }
            var running = parts.count
            var result: Swift.Result<Result, any Error>?
            while running > 0 || result == nil, let ended = try await group.next() {
                switch ended {
                case .part: running -= 1
                case .drainTime: running = 0
                case .body(let told):
                    result = told
                    groups.drain()
                    replays.drain()
                    group.addTask {
                        try await Task.sleep(for: drainTime + .seconds(1))
                        return .drainTime
                    }
                }
            }
            guard let result else { throw CancellationError() }
            return try result.get()
        }
    }
}
