import Telemetry

/// What the outbox holds, and what came of it. Only the node that drains it knows: the others
/// show nothing waiting.
struct OutboxMetrics: Sendable {
    private let drained: Counter
    private let duplicates: Counter
    private let rejected: Counter
    private let waiting: Gauge
    private let age: Gauge
    private let rejects: Gauge

    init(_ metrics: MetricsRegistry) {
        drained = metrics.counter(
            "apus_outbox_drained_total", help: "Events that went from the outbox into the log.")
        duplicates = metrics.counter(
            "apus_outbox_duplicates_total",
            help: "Events of the outbox that the log had already, with the same content.")
        rejected = metrics.counter(
            "apus_outbox_rejected_total",
            help: "Events of the outbox that went to apus.outbox_rejects. Alert on any.")
        waiting = metrics.gauge(
            "apus_outbox_waiting_events", help: "Events in the outbox, counted to 100,000.")
        age = metrics.gauge(
            "apus_outbox_oldest_seconds",
            help: "Since the oldest event in the outbox was published.")
        rejects = metrics.gauge(
            "apus_outbox_rejects", help: "Events in apus.outbox_rejects, counted to 100,000.")
    }

    func found(_ backlog: OutboxBacklog) {
        waiting.set(Double(backlog.events))
        age.set(backlog.age / .seconds(1))
        rejects.set(Double(backlog.rejects))
    }

    func found(_ page: [OutboxEntry], now: UnixTime) {
        waiting.set(max(waiting.value, Double(page.count)))
        guard let oldest = page.map(\.publishedAt).min() else { return }
        let published = UnixTime(seconds: oldest.seconds, nanoseconds: oldest.nanoseconds)
        age.set(max(0, now.duration(since: published) / .seconds(1)))
    }

    func isEmpty() {
        waiting.set(0)
        age.set(0)
    }

    /// Another node may drain now.
    func ended() {
        isEmpty()
        rejects.set(0)
    }

    func moved(_ outcomes: [OutboxOutcome]) {
        for outcome in outcomes {
            switch outcome {
            case .stored: drained.increment()
            case .duplicate: duplicates.increment()
            case .rejected:
                rejected.increment()
                rejects.add(1)
            }
        }
    }
}
