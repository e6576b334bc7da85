import Telemetry

/// What groups, or handlers, tell about themselves.
final class ConsumerMetrics: Sendable {
    private let handedOut: Counter
    private let outcomes: [DeliveryOutcome: Counter]
    private let deadLetters: Counter
    private let lost: Counter

    /// Of whom the figures are, and how their metrics begin.
    enum Kind: String {
        case groups = "group"
        case handlers = "handler"
    }

    init(_ metrics: MetricsRegistry, _ kind: Kind) {
        let prefix = "apus_\(kind.rawValue)"
        handedOut = metrics.counter(
            "\(prefix)_deliveries_total", help: "Events handed to members of \(kind).")
        var outcomes: [DeliveryOutcome: Counter] = [:]
        for outcome in DeliveryOutcome.allCases {
            outcomes[outcome] = metrics.counter(
                "\(prefix)_outcomes_total", help: "How deliveries to members of \(kind) ended.",
                labels: [MetricLabel(.outcome, outcome.label)])
        }
        self.outcomes = outcomes
        deadLetters = metrics.counter(
            "\(prefix)_dead_letters_total", help: "Events that \(kind) gave up on.")
        lost = metrics.counter(
            "\(prefix)_partitions_lost_total",
            help:
                "Partitions of \(kind) that another node took over, or of which the store lost work."
        )
    }

    func count(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        handedOut.increment(by: batch.handedOut)
        for record in batch.records { outcomes[record.outcome]?.increment() }
        deadLetters.increment(by: batch.deadLetters.count)
        lost(answer.refused.count)
    }

    func lost(_ partitions: Int) { lost.increment(by: partitions) }
}
