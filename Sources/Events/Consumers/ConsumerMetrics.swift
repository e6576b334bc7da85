import Telemetry

/// What groups tell about themselves.
final class ConsumerMetrics: Sendable {
    private let handedOut: Counter
    private let outcomes: [DeliveryOutcome: Counter]
    private let deadLetters: Counter
    private let lost: Counter

    init(_ metrics: MetricsRegistry) {
        handedOut = metrics.counter(
            "apus_group_deliveries_total", help: "Events handed to members of groups.")
        var outcomes: [DeliveryOutcome: Counter] = [:]
        for outcome in DeliveryOutcome.allCases {
            outcomes[outcome] = metrics.counter(
                "apus_group_outcomes_total", help: "How deliveries to members of groups ended.",
                labels: [MetricLabel(.outcome, outcome.label)])
        }
        self.outcomes = outcomes
        deadLetters = metrics.counter(
            "apus_group_dead_letters_total", help: "Events that a group gave up on.")
        lost = metrics.counter(
            "apus_group_partitions_lost_total",
            help:
                "Partitions of groups that another node took over, or of which the store lost work."
        )
    }

    func count(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        handedOut.increment(by: batch.rows.count { $0.work.state == .handedOut })
        for record in batch.records { outcomes[record.outcome]?.increment() }
        deadLetters.increment(by: batch.deadLetters.count)
        lost(answer.refused.count)
    }

    func lost(_ partitions: Int) { lost.increment(by: partitions) }
}
