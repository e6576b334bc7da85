public import Telemetry

/// Counts what this node stored, by type, whether it came by a call, from SQL or from Apus itself.
///
/// The types are those of the catalogue, so the series are few. What was stored by an attempt whose
/// answer was lost with its connection is not among it.
public final class PublishedEvents: LogObserver {
    private let metrics: MetricsRegistry
    private let counters = Lock([String: Counter]())

    public init(_ metrics: MetricsRegistry) {
        self.metrics = metrics
    }

    public func committed(_ events: [RecordedEvent]) {
        var start = events.startIndex
        while start < events.endIndex {
            let type = events[start].type
            let end = events[start...].firstIndex { $0.type != type } ?? events.endIndex
            counter(of: type).increment(by: end - start)
            start = end
        }
    }

    public func grew(to head: Position) {}

    private func counter(of type: String) -> Counter {
        counters.withLock { counters in
            if let known = counters[type] { return known }
            let counter = metrics.counter(
                "events_published_total", help: "Events that this node stored, by type.",
                labels: [MetricLabel(.type, type)])
            counters[type] = counter
            return counter
        }
    }
}
