import Telemetry

/// What retention did, and what keeps it from more; on the node that does it. Figures of now are
/// shown as long as that node's lease lasts: after that another one may show newer ones.
struct RetentionMetrics: Sendable {
    let expiredEvents: Counter
    let skippedEvents: Counter
    let droppedPartitions: Counter
    /// Time since this was made.
    let now: @Sendable () -> Duration
    private let seen = Lock(Seen())

    struct Seen {
        var logBytes: Int64 = 0
        var heldEvents = 0
        fileprivate var goodUntil: Duration = .zero
    }

    init(_ metrics: MetricsRegistry, clock: any Clock<Duration>) {
        expiredEvents = metrics.counter(
            "apus_retention_dropped_events_total", help: "Events dropped by retention.")
        skippedEvents = metrics.counter(
            "apus_retention_skipped_events_total",
            help: "Positions that consumers were moved over by a hard limit of retention.")
        droppedPartitions = metrics.counter(
            "apus_retention_dropped_partitions_total",
            help: "Tables of dropped events that are gone from the disk.")
        let now = Self.elapsed(clock)
        self.now = now
        func show(_ name: String, _ help: String, _ value: @escaping @Sendable (Seen) -> Double) {
            metrics.reading(name, help: help) { [seen] in
                let seen = seen.withLock { $0 }
                return seen.goodUntil > now() ? value(seen) : 0
            }
        }
        show("apus_log_bytes", "On disk, of the partitions with events and their indexes.") {
            Double($0.logBytes)
        }
        show(
            "apus_retention_held_events",
            "Events past a limit of retention that a consumer still needs. Alert on it."
        ) { Double($0.heldEvents) }
    }

    private static func elapsed(_ clock: some Clock<Duration>) -> @Sendable () -> Duration {
        let origin = clock.now
        return { origin.duration(to: clock.now) }
    }

    /// This node has the lease, for so long from a moment before it asked.
    func lead(since asked: Duration, for time: Duration) {
        seen.withLock { seen in
            if seen.goodUntil <= asked { seen = Seen() }
            seen.goodUntil = asked + time
        }
    }

    func saw(_ change: (inout Seen) -> Void) { seen.withLock { change(&$0) } }

    /// Another node does it.
    func clear() { seen.withLock { $0 = Seen() } }
}
