import Telemetry

/// What waits to be stored, and what was refused because too much did.
struct WaitingGauges: Sendable {
    let refused: Counter
    private let events: Gauge
    private let bytes: Gauge

    init(_ metrics: MetricsRegistry) {
        refused = metrics.counter(
            "apus_publishes_refused_total",
            help: "Publishes refused because too many events or bytes waited to be stored.")
        events = metrics.gauge(
            "apus_publish_waiting_events", help: "Events that wait to be stored.")
        bytes = metrics.gauge("apus_publish_waiting_bytes", help: "Bytes of them.")
    }

    func set(_ queue: BatchQueue) {
        events.set(Double(queue.waitingEvents))
        bytes.set(Double(queue.waitingBytes))
    }
}
