import Telemetry

/// What the outbox holds, and what came of it. Only the node that drains it knows, or tries to: the
/// others show nothing waiting.
struct OutboxMetrics: Sendable {
    private let drained: Counter
    private let duplicates: Counter
    private let rejected: Counter
    private let waiting: Gauge
    private let rejects: Gauge
    /// When the oldest event was published; it grows old also while nothing can be drained.
    private let oldest = Lock<Duration?>(nil)
    private let time: Timekeeper

    init(_ metrics: MetricsRegistry, _ time: Timekeeper) {
        self.time = time
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
        metrics.reading(
            "apus_outbox_oldest_seconds",
            help: "Since the oldest event in the outbox was published."
        ) { [oldest] in
            oldest.withLock { $0 }.map { (time.now() - $0) / .seconds(1) } ?? 0
        }
        rejects = metrics.gauge(
            "apus_outbox_rejects", help: "Events in apus.outbox_rejects, counted to 100,000.")
    }

    func found(_ backlog: OutboxBacklog) {
        waiting.set(Double(backlog.events))
        setAge(backlog.events > 0 ? backlog.age : nil)
        rejects.set(Double(backlog.rejects))
    }

    func found(_ page: [OutboxEntry], now: UnixTime) {
        waiting.set(max(waiting.value, Double(page.count)))
        guard let oldest = page.map(\.publishedAt).min() else { return }
        let published = UnixTime(seconds: oldest.seconds, nanoseconds: oldest.nanoseconds)
        setAge(max(.zero, now.duration(since: published)))
    }

    /// - Parameter age: Of the oldest event; nil when there is none.
    private func setAge(_ age: Duration?) {
        let moment = age.map { time.now() - $0 }
        oldest.withLock { $0 = moment }
    }

    func isEmpty() {
        waiting.set(0)
        setAge(nil)
    }

    /// Others drain.
    func clear() {
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
