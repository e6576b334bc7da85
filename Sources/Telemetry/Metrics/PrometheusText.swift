/// Prometheus' text exposition format, version 0.0.4.
enum PrometheusText {
    static func append(_ name: String, _ family: MetricsRegistry.Family, to text: inout String) {
        let table = family.table?()
        if table?.isEmpty == true { return }
        text.append("# HELP \(name) ")
        append(escaped: family.help, quotes: false, to: &text)
        text.append("\n# TYPE \(name) \(family.type)\n")
        if let table { return append(name, table, to: &text) }
        let series = family.series.map { (labels: rendered($0.key), metric: $0.value) }
        for (labels, metric) in series.sorted(by: { $0.labels < $1.labels }) {
            switch metric {
            case .counter(let counter):
                append(sample: name, labels, String(counter.value), to: &text)
            case .gauge(let gauge):
                append(sample: name, labels, number(gauge.value), to: &text)
            case .histogram(let histogram):
                append(name, labels, histogram, to: &text)
            case .reading(let read):
                append(sample: name, labels, number(read()), to: &text)
            }
        }
    }

    private static func append(
        _ name: String, _ table: [(labels: [MetricLabel], value: Double)], to text: inout String
    ) {
        let series = table.map { (labels: rendered($0.labels), value: $0.value) }
        for (labels, value) in series.sorted(by: { $0.labels < $1.labels }) {
            append(sample: name, labels, number(value), to: &text)
        }
    }

    private static func append(
        _ name: String, _ labels: String, _ histogram: Histogram, to text: inout String
    ) {
        let snapshot = histogram.snapshot
        let comma = labels.isEmpty ? "" : ","
        var cumulative: UInt64 = 0
        for (bound, count) in zip(histogram.bounds + [.infinity], snapshot.counts) {
            cumulative += count
            let all = "\(labels)\(comma)le=\"\(number(bound))\""
            append(sample: name + "_bucket", all, String(cumulative), to: &text)
        }
        append(sample: name + "_sum", labels, number(snapshot.sum), to: &text)
        append(sample: name + "_count", labels, String(cumulative), to: &text)
    }

    private static func append(
        sample name: String, _ labels: String, _ value: String, to text: inout String
    ) {
        text.append(name)
        if !labels.isEmpty { text.append("{\(labels)}") }
        text.append(" \(value)\n")
    }

    private static func rendered(_ labels: [MetricLabel]) -> String {
        var text = ""
        for (index, label) in labels.enumerated() {
            if index > 0 { text.append(",") }
            text.append("\(label.name.text)=\"")
            append(escaped: label.value, quotes: true, to: &text)
            text.append("\"")
        }
        return text
    }

    private static func append(escaped value: String, quotes: Bool, to text: inout String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text.append("\\\\")
            case "\n": text.append("\\n")
            case "\"" where quotes: text.append("\\\"")
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded() && abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }
}
