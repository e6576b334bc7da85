import Telemetry

/// What one handler tells about itself, besides what all of them do (``ConsumerMetrics``).
final class HandlerMetrics: Sendable {
    private let retries: Counter
    private let failures: Counter
    private let circuit: Gauge

    init(_ metrics: MetricsRegistry, handler: String) {
        let labels = [MetricLabel(.handler, handler)]
        retries = metrics.counter(
            "apus_handler_retries_total", help: "Failed runs that are tried again.", labels: labels)
        failures = metrics.counter(
            "apus_handler_failures_total", help: "Failed runs.", labels: labels)
        circuit = metrics.gauge(
            "apus_handler_open_circuits",
            help: "Circuits of the handler on this node that are open. Alert on it.",
            labels: labels)
        circuit.set(0)
    }

    func failed(isRetried: Bool) {
        failures.increment()
        if isRetried { retries.increment() }
    }

    func broken(_ targets: [String]) { circuit.set(Double(targets.count)) }
}
