import HTTP2
import Synchronization
import Telemetry

/// What a server counts of itself. Its users hold the counters: nothing is looked up on a call's way.
final class RuntimeMetrics: Sendable {
    let connectionsAccepted: Counter
    let connectionsRefused: Counter
    /// In the order of the enum.
    private let limitHits: [Counter]

    init(_ registry: MetricsRegistry) {
        connectionsAccepted = registry.counter(
            "apus_grpc_connections_accepted_total", help: "Connections that were taken.")
        connectionsRefused = registry.counter(
            "apus_grpc_connections_refused_total",
            help: "Connections that were closed at once: too many, or the server stops.")
        limitHits = RuntimeLimit.allCases.map { limit in
            registry.counter(
                "apus_grpc_limit_hits_total",
                help: "How often a peer, or the server as a whole, ran into one of its limits.",
                labels: [MetricLabel(.limit, limit.description)])
        }
    }

    func hit(_ limit: RuntimeLimit) {
        limitHits[limit.rawValue].increment()
    }

    /// What is known without being counted for the purpose.
    static func observe(_ core: ServerCore, in registry: MetricsRegistry) {
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (ServerCore) -> Int)
        {
            registry.reading(name, help: help) { [weak core] in
                core.map { Double(read($0)) } ?? 0
            }
        }
        gauge("apus_grpc_connections_open", "Connections.") { $0.openConnections.count }
        gauge("apus_grpc_streams_open", "Open streams, over all connections.") { core in
            core.openConnections.reduce(0) { $0 + $1.gate.books.openStreams }
        }
        gauge("apus_grpc_handlers_running", "Handlers that have begun and not returned.") {
            $0.handlersRunning.load(ordering: .relaxed)
        }
        gauge(
            "apus_grpc_held_received_bytes",
            "Of requests: received and not let go by a handler, over all connections."
        ) { core in core.openConnections.reduce(0) { $0 + $1.gate.books.receivedBytes } }
        gauge("apus_grpc_held_unsent_bytes", "Of responses: queued, over all connections.") {
            core in core.openConnections.reduce(0) { $0 + $1.gate.books.unsentBytes }
        }
        gauge("apus_grpc_held_bytes", "What counts against the memory limit.") {
            $0.budget.usedBytes
        }
    }
}
