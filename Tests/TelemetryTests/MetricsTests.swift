import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func `the exposition is what Prometheus reads`() {
        let registry = MetricsRegistry()
        registry.counter(
            "apus_calls_total", help: "Calls\nby \\ method.",
            labels: [.init(.method, "a\"b\\c\nd"), .init(.code, "OK")]
        ).increment(by: 3)
        registry.gauge("apus_open", help: "Open.").set(2.5)
        let histogram = registry.histogram("apus_wait_seconds", help: "Waits.", bounds: [0.1, 1])
        histogram.record(0.1)
        histogram.record(.milliseconds(500))
        histogram.record(7)
        #expect(
            registry.exposition() == #"""
                # HELP apus_calls_total Calls\nby \\ method.
                # TYPE apus_calls_total counter
                apus_calls_total{method="a\"b\\c\nd",code="OK"} 3
                # HELP apus_open Open.
                # TYPE apus_open gauge
                apus_open 2.5
                # HELP apus_wait_seconds Waits.
                # TYPE apus_wait_seconds histogram
                apus_wait_seconds_bucket{le="0.1"} 1
                apus_wait_seconds_bucket{le="1"} 2
                apus_wait_seconds_bucket{le="+Inf"} 3
                apus_wait_seconds_sum 7.6
                apus_wait_seconds_count 3

                """#)
    }

    @Test func `a reading is taken when somebody looks`() {
        let registry = MetricsRegistry()
        let box = registry.gauge("source", help: "Source.")
        registry.reading("seen", help: "Seen.") { box.value * 2 }
        box.set(21)
        #expect(registry.exposition().contains("# TYPE seen gauge\nseen 42\n"))
    }

    @Test func `a table's series come and go with its rows`() {
        let registry = MetricsRegistry()
        let rows = Lock<[(labels: [MetricLabel], value: Double)]>([])
        registry.table("t", help: "T.") { rows.withLock { $0 } }
        #expect(registry.exposition() == "")
        rows.withLock {
            $0 = [
                ([MetricLabel(.group, "b\"\\")], 2.5), ([MetricLabel(.group, "a")], 1),
            ]
        }
        #expect(
            registry.exposition() == #"""
                # HELP t T.
                # TYPE t gauge
                t{group="a"} 1
                t{group="b\"\\"} 2.5

                """#)
        rows.withLock { _ = $0.removeFirst() }
        #expect(registry.exposition().hasSuffix("gauge\nt{group=\"a\"} 1\n"))
    }

    @Test func `the same name and labels are the same metric`() {
        let registry = MetricsRegistry()
        let labels = [MetricLabel(.type, "x")]
        registry.counter("c_total", help: "C.", labels: labels).increment()
        registry.counter("c_total", help: "C.", labels: labels).increment()
        #expect(registry.counter("c_total", help: "C.", labels: labels).value == 2)
    }

    @Test func `a family that grows beyond its bound counts the rest as other`() {
        let registry = MetricsRegistry()
        for number in 0..<2_100 {
            registry.counter("c_total", help: "C.", labels: [.init(.type, "\(number)")]).increment()
        }
        let other = registry.counter("c_total", help: "C.", labels: [.init(.type, "other")])
        #expect(other.value == 100)
    }

    @Test func `counts from many threads add up`() async {
        let registry = MetricsRegistry()
        let counter = registry.counter("c_total", help: "C.")
        let gauge = registry.gauge("g", help: "G.")
        let histogram = registry.histogram("h", help: "H.", bounds: [1])
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        gauge.add(1)
                        histogram.record(0.5)
                    }
                }
            }
        }
        #expect(counter.value == 8_000)
        #expect(gauge.value == 8_000)
        #expect(histogram.snapshot.count == 8_000)
        #expect(histogram.snapshot.sum == 4_000)
    }
}
