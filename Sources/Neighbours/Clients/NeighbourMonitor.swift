import EventProtos
import Events
import GRPC
public import Telemetry

/// Asks a neighbour again and again whether it takes requests, so that Health can say at once how it
/// is, and so that whoever looks at the logs sees it go and come back. Nobody waits for it.
public final class NeighbourMonitor: Sendable {
    /// How a neighbour is, when it was last asked.
    public struct Standing: Sendable, Hashable {
        public let neighbour: Neighbour
        public let isServing: Bool
        /// What is wrong, fit for every client; empty when nothing is.
        public let message: String
        /// Of its last answer.
        public let latency: Duration?
    }

    typealias Check = @Sendable () async throws -> McpCommonV2.HealthStatus

    /// Between two questions to one that serves, and to one that does not.
    static let intervals = (serving: Duration.seconds(10), down: Duration.seconds(2))

    public let neighbour: Neighbour
    private let check: Check
    private let clock: any Clock<Duration>
    private let gauge: Gauge
    private let logger: Logger
    private let last: Lock<Standing>

    public convenience init(
        _ engine: MCPEngine, clock: any Clock<Duration> = ContinuousClock(),
        metrics: MetricsRegistry, logger: Logger
    ) {
        self.init(.mcpEngine, clock: clock, metrics: metrics, logger: logger) {
            try await engine.healthCheck().status
        }
    }

    public convenience init(
        _ hub: SecurityHub, clock: any Clock<Duration> = ContinuousClock(),
        metrics: MetricsRegistry, logger: Logger
    ) {
        self.init(.securityHub, clock: clock, metrics: metrics, logger: logger) {
            try await hub.healthCheck().status
        }
    }

    init(
        _ neighbour: Neighbour, clock: any Clock<Duration>, metrics: MetricsRegistry,
        logger: Logger, check: @escaping Check
    ) {
        self.neighbour = neighbour
        self.check = check
        self.clock = clock
        self.logger = logger
        gauge = metrics.gauge(
            "apus_neighbour_serving", help: "1: the neighbour takes requests, 0: it does not.",
            labels: [MetricLabel(.component, neighbour.name)])
        last = Lock(
            Standing(
                neighbour: neighbour, isServing: false, message: "It was not asked yet.",
                latency: nil))
    }

    public var standing: Standing { last.withLock { $0 } }

    /// Goes on until it is cancelled.
    public func run() async throws {
        var wasServing: Bool?
        while true {
            let found = try await look()
            last.withLock { $0 = found }
            gauge.set(found.isServing ? 1 : 0)
            if wasServing != found.isServing { tell(found) }
            wasServing = found.isServing
            try await clock.sleep(
                for: found.isServing ? Self.intervals.serving : Self.intervals.down)
        }
    }

    private func look() async throws -> Standing {
        func standing(_ latency: Duration?, _ message: String = "") -> Standing {
            Standing(
                neighbour: neighbour, isServing: message.isEmpty, message: message,
                latency: latency)
        }
        let start = ContinuousClock.now
        do {
            let status = try await check()
            let latency = start.duration(to: .now)
            return switch status {
            case .healthServing: standing(latency)
            case .healthNotServing: standing(latency, "It says that it does not serve.")
            case .healthUnknown, .healthServiceUnknown, .unrecognized:
                standing(latency, "It does not say whether it serves.")
            }
        } catch let error as RPCError where error.code == .unimplemented {
            // It answers, and nothing more was asked.
            return standing(start.duration(to: .now))
        } catch let error as RPCError {
            logger.debug(
                "Neighbour fails its health check",
                [.name: .init(neighbour.name), .error: .init("\(error)")])
            return standing(nil, "Its health check fails with \(error.code).")
        }
    }

    private func tell(_ found: Standing) {
        let about: [LogKey: LogValue] = [
            .name: .init(neighbour.name), .reason: .init(found.message),
        ]
        if found.isServing {
            logger.info("Neighbour serves", [.name: .init(neighbour.name)])
        } else {
            logger.warning("Neighbour does not serve", about)
        }
    }
}
