import Telemetry

/// What retention did, and what keeps it from more; on the node that does it.
struct RetentionMetrics: Sendable {
    let logBytes: Gauge
    let heldEvents: Gauge
    let expiredEvents: Counter
    let skippedEvents: Counter
    let droppedPartitions: Counter

    init(_ metrics: MetricsRegistry) {
        logBytes = metrics.gauge(
            "apus_log_bytes", help: "On disk, of the partitions with events and their indexes.")
        heldEvents = metrics.gauge(
            "apus_retention_held_events",
            help: "Events past a limit of retention that a consumer still needs. Alert on it.")
        expiredEvents = metrics.counter(
            "apus_retention_dropped_events_total", help: "Events dropped by retention.")
        skippedEvents = metrics.counter(
            "apus_retention_skipped_events_total",
            help: "Positions that consumers were moved over by a hard limit of retention.")
        droppedPartitions = metrics.counter(
            "apus_retention_dropped_partitions_total",
            help: "Tables of dropped events that are gone from the disk.")
    }

    /// Another node does it.
    func clear() {
        logBytes.set(0)
        heldEvents.set(0)
    }
}
