@testable import Events

extension ConsumerStateMachine {
    /// - Parameter events: Of its work.
    mutating func granted(
        _ taken: TakenPartition, events: [Position: RecordedEvent], now: Duration, wall: Timestamp
    ) {
        var left: [Position: WorkItem] = [:]
        for work in taken.work {
            left[work.position] = events[work.position].map { item(of: work, $0) }
        }
        granted(taken, left, now: now, wall: wall)
    }
}
