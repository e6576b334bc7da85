import Telemetry

/// How far the audit trail is. Only the node that writes it knows, or tries to.
struct AuditMetrics: Sendable {
    private let rows: Gauge
    private let lag: Gauge
    private let stopped: Gauge

    init(_ metrics: MetricsRegistry) {
        rows = metrics.gauge("apus_audit_rows", help: "Rows of the audit trail.")
        lag = metrics.gauge(
            "apus_audit_lag_events", help: "Events of the log that are not in the audit trail yet.")
        stopped = metrics.gauge(
            "apus_audit_stopped",
            help: "1 while an event is missing or the trail cannot be written. Alert on it.")
    }

    func reached(_ step: AuditStep, isStopped: Bool) {
        rows.set(Double(step.head.rows))
        lag.set(Double(step.logHead.rawValue) - Double(step.head.position.rawValue))
        stopped.set(isStopped ? 1 : 0)
    }

    /// It cannot be written, and waiting does not help.
    func stop() { stopped.set(1) }

    /// Others write it.
    func clear() {
        rows.set(0)
        lag.set(0)
        stopped.set(0)
    }
}
