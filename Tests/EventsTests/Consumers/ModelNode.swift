@testable import Events

/// One node of a ``ConsumerWorld``.
struct ModelNode {
    let name: String
    var machine: ConsumerStateMachine
    var batch: ConsumerBatch?
    var read: ConsumerStateMachine.Read?
    var page: EventPage?
    /// Stored, not told yet.
    var answer: BatchAnswer?
    /// The batch reached the store, whatever was heard of it.
    var isStored = false
    /// Read, not acted upon yet.
    var remarks: [Remark]?
    /// Taken, and their events are being read.
    var taken: [TakenPartition] = []
    /// Of acknowledgements that the next batch carries, and of those that the batch under way does.
    var waiting: [AckToken] = []
    var underWay: [AckToken] = []
    var members = 0
    /// Events whose changes the store refused.
    var suspects: Set<Position> = []
}

/// A delivery that a member has not answered.
struct HandedOut {
    let token: AckToken
    let event: RecordedEvent
    let node: Int
    let name: String
    let member: Int
}

extension RecordedEvent {
    static func sample(
        at position: Position, tenant: TenantID, key: String, partition: Int, bytes: Int = 0
    ) -> RecordedEvent {
        RecordedEvent(
            position: position, partition: partition, id: EventID(high: 1, low: position.rawValue),
            type: "lead.created", version: 1, kind: .domain, tenant: tenant, source: "",
            subject: key, partitionKey: key, occurredAt: Timestamp(seconds: 0, nanoseconds: 0),
            recordedAt: Timestamp(seconds: 0, nanoseconds: 0), metadata: EventMetadata(),
            messageName: "test.Lead",
            data: Array(repeating: 0, count: bytes))
    }
}
