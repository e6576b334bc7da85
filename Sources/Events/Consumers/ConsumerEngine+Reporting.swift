import Telemetry

// What the log of the node tells of a consumer.
extension ConsumerEngine {
    func report(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        let logger = environment.logger
        if !answer.refused.isEmpty {
            logger.info(
                "Partitions of a consumer were lost",
                [.consumer: name, .count: .init(answer.refused.count)])
        }
        for share in batch.shares where share.isReleased {
            environment.tell()
            break
        }
        for failure in batch.deadLetters where !answer.refused.contains(failure.partition) {
            logger.warning(
                "A consumer gave up on an event",
                [.consumer: name, .position: .init(failure.position)])
        }
    }

    var name: LogValue { .init(definition.title) }
}
