import Events
import Hosting
import IO
import Postgres
import Telemetry

/// What of a node runs handlers, and no more.
struct EmbeddedParts: Sendable {
    private let host: HostParts
    private let publisher: EventPublisher
    private let drainTime: Duration

    init(
        _ database: PostgresConfiguration, _ configuration: EmbeddedApus.Configuration,
        loops: IOLoopGroup, metrics: MetricsRegistry, logger: Logger,
        register: (inout HandlerRegistry, EventPublisher) throws -> Void
    ) throws {
        drainTime = configuration.drainTime
        var settings = LogParts.Settings()
        settings.connections = configuration.connections
        let log = LogParts(
            node: "embedded/\(EventID.v7(at: Timestamp(SystemWallClock().now())))", database,
            settings, loops: loops, metrics: metrics, logger: logger)
        publisher = EventPublisher(publisher: log.publisher)
        var registry = HandlerRegistry()
        try register(&registry, publisher)
        let taken = registry.entries.map(\.traits.name).filter(HandlerName.shipped.contains)
        guard taken.isEmpty else {
            throw EventsError.invalid(
                taken.map {
                    FieldViolation(
                        field: "handlers.\($0)",
                        description: "is the name of a handler that ships with Apus")
                })
        }
        host = HostParts(
            on: log, registry: registry, leaseTime: configuration.leaseTime,
            drainGrace: configuration.drainTime, logger: logger)
    }

    func run<Result: Sendable>(
        _ body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        try await host.run { try await serve(body) }
    }

    private enum Ended<Result: Sendable>: Sendable {
        case work
        case body(Swift.Result<Result, any Error>)
        case drainTime
    }

    /// The handlers beside the body; they drain when that ends, however it does.
    private func serve<Result: Sendable>(
        _ body: @escaping @Sendable (EventPublisher) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Ended<Result>.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await host.work()
                return .work
            }
            group.addTask {
                do {
                    return .body(.success(try await body(publisher)))
                } catch {
                    return .body(.failure(error))
                }
            }
            var isWorking = true
            var result: Swift.Result<Result, any Error>?
            while isWorking || result == nil, let ended = try await group.next() {
                switch ended {
                case .work, .drainTime: isWorking = false
                case .body(let told):
                    result = told
                    host.drain()
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
