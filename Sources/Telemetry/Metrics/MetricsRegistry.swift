/// Every metric of the process, by name and labels.
///
/// Asking again for the same name and labels gives the same metric. Its users keep what they got:
/// a look-up takes a lock.
public final class MetricsRegistry: Sendable {
    enum Metric: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        case reading(@Sendable () -> Double)
    }

    struct Family: Sendable {
        let type: String
        let help: String
        var series: [[MetricLabel]: Metric] = [:]
        /// All series of the family, instead.
        var table: Table?
    }

    /// Series with their values, in any order, none twice.
    public typealias Table = @Sendable () -> [(labels: [MetricLabel], value: Double)]

    /// Series in one family; what comes after shares one series whose labels read `other`.
    static let maxSeries = 2_000

    private let families = Lock<[String: Family]>([:])

    public init() {}

    public func counter(_ name: String, help: String, labels: [MetricLabel] = []) -> Counter {
        let metric = metric(name, "counter", help, labels) { .counter(Counter()) }
        guard case .counter(let counter) = metric else { preconditionFailure(name) }
        return counter
    }

    public func gauge(_ name: String, help: String, labels: [MetricLabel] = []) -> Gauge {
        let metric = metric(name, "gauge", help, labels) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = metric else { preconditionFailure(name) }
        return gauge
    }

    public func histogram(
        _ name: String, help: String, labels: [MetricLabel] = [],
        bounds: [Double] = Histogram.secondsBounds
    ) -> Histogram {
        let metric = metric(name, "histogram", help, labels) {
            .histogram(Histogram(bounds: bounds))
        }
        guard case .histogram(let histogram) = metric else { preconditionFailure(name) }
        return histogram
    }

    /// A gauge, or a counter, that is read when somebody looks.
    ///
    /// - Parameter read: Called on the reader's thread. The first one given for name and labels
    ///   stays.
    public func reading(
        _ name: String, help: String, isCounter: Bool = false, labels: [MetricLabel] = [],
        read: @escaping @Sendable () -> Double
    ) {
        _ = metric(name, isCounter ? "counter" : "gauge", help, labels) { .reading(read) }
    }

    /// A family of gauges that is read as a whole when somebody looks: series come and go with what
    /// they are of.
    ///
    /// - Parameter read: Called on the reader's thread; bounds how many there are. Without any, the
    ///   family is not there.
    public func table(_ name: String, help: String, read: @escaping Table) {
        precondition(Self.isMetricName(name), "not a metric name: \(name)")
        families.withLock { families in
            precondition(families[name] == nil, "\(name) is there already")
            families[name] = Family(type: "gauge", help: help, table: read)
        }
    }

    private func metric(
        _ name: String, _ type: String, _ help: String, _ labels: [MetricLabel],
        make: () -> Metric
    ) -> Metric {
        families.withLock { families in
            var family = families[name] ?? Family(type: type, help: help)
            precondition(
                family.type == type && family.table == nil,
                "\(name) is a \(family.type), not a \(type)")
            var labels = labels
            if family.series[labels] == nil && family.series.count >= Self.maxSeries {
                labels = labels.map { MetricLabel($0.name, "other") }
            }
            if let known = family.series[labels] { return known }
            precondition(Self.isMetricName(name), "not a metric name: \(name)")
            let metric = make()
            family.series[labels] = metric
            families[name] = family
            return metric
        }
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    private static func isMetricName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0)
                || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x3A
        }
    }

    /// What ``exposition()`` is.
    public static let expositionContentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All metrics in Prometheus' text format, version 0.0.4, in the order of their names.
    public func exposition() -> String {
        let snapshot = families.withLock { $0 }
        var text = ""
        for (name, family) in snapshot.sorted(by: { $0.key < $1.key }) {
            PrometheusText.append(name, family, to: &text)
        }
        return text
    }
}
