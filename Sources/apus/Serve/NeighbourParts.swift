import EventService
import Events
import IO
import Neighbours
import Telemetry

/// The neighbours of a node: their clients, the handlers that call them, and how they are. The node
/// starts and stays up without them.
struct NeighbourParts: Sendable {
    /// To be run beside the node.
    let monitors: [NeighbourMonitor]
    /// To be run beside the node: of the ways that are TLS'.
    let reloaders: [TLSReloader]

    private let engine: (client: MCPEngine, deadline: Duration)?
    private let hub: (client: SecurityHub, deadline: Duration)?
    private let auditTypes: [TypePattern]
    private let metrics: MetricsRegistry

    /// - Throws: ``CommandFailure`` when TLS' files are wrong.
    init(
        _ settings: NeighbourSettings, loops: IOLoopGroup, clock: any Clock<Duration>,
        metrics: MetricsRegistry, logger: Logger
    ) throws {
        var monitors: [NeighbourMonitor] = []
        var reloaders: [TLSReloader] = []
        func configuration(
            _ place: NeighbourSettings.Place, of neighbour: Neighbour
        ) throws(CommandFailure) -> NeighbourConfiguration {
            let configuration = try place.configuration(neighbour.name)
            if let tls = configuration.tls {
                reloaders.append(TLSReloader(tls, on: loops.loops[0], logger: logger))
            }
            return configuration
        }
        engine = try settings.mcpEngine.map { place in
            let client = MCPEngine(
                try configuration(place, of: .mcpEngine), loops: loops, metrics: metrics,
                logger: logger)
            monitors.append(
                NeighbourMonitor(client, clock: clock, metrics: metrics, logger: logger))
            return (client, place.deadline)
        }
        hub = try settings.securityHub.map { place in
            let client = SecurityHub(
                try configuration(place, of: .securityHub), loops: loops, metrics: metrics,
                logger: logger)
            monitors.append(
                NeighbourMonitor(client, clock: clock, metrics: metrics, logger: logger))
            return (client, place.deadline)
        }
        auditTypes = settings.auditTypes
        self.metrics = metrics
        self.monitors = monitors
        self.reloaders = reloaders
    }

    /// - Parameter publish: Publishes an event as Publish does.
    /// - Throws: ``EventsError`` when a name is taken.
    func register(
        in registry: inout HandlerRegistry, publish: @escaping MCPEngineHandler.Publish
    ) throws {
        if let engine {
            try registry.register(
                MCPEngineHandler(
                    engine.client, deadline: engine.deadline, metrics: metrics, publish: publish))
        }
        if let hub {
            try registry.register(
                SecurityHubAudit(
                    hub.client, types: auditTypes, deadline: hub.deadline, metrics: metrics))
        }
    }

    /// When no handler calls them any more.
    func close() async {
        await engine?.client.close()
        await hub?.client.close()
    }

    /// For Health.
    var components: [HealthReporter.Component] {
        monitors.map { monitor in
            let standing = monitor.standing
            return HealthReporter.Component(
                name: standing.neighbour.name, status: standing.isServing ? .healthy : .degraded,
                message: standing.message, latency: standing.latency)
        }
    }
}
