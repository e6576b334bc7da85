import Telemetry

/// How far the audit trail is. Only the node that writes it knows.
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
            help: "1 while the audit trail waits for an event that is missing. Alert on it.")
    }

    func reached(_ step: AuditStep, isStopped: Bool) {
        rows.set(Double(step.head.rows))
        lag.set(Double(step.logHead.rawValue) - Double(step.head.position.rawValue))
        stopped.set(isStopped ? 1 : 0)
    }

    /// Another node may write it now.
    func ended() {
        rows.set(0)
        lag.set(0)
        stopped.set(0)
    }
}
