/// A fact in the log.
public struct RecordedEvent: EventCarrier {
    public let position: Position
    /// 0..<64, see ``Partition``.
    public let partition: Int
    /// Never runs backwards along the log; whole microseconds.
    public let recordedAt: Timestamp
    public let content: EventContent

    public init(
        _ content: EventContent, at position: Position, partition: Int, recordedAt: Timestamp
    ) {
        self.content = content
        self.position = position
        self.partition = partition
        self.recordedAt = recordedAt
    }

    public init(
        position: Position, partition: Int, id: EventID, type: String, version: UInt32,
        kind: EventKind, tenant: TenantID, source: String, subject: String, partitionKey: String,
        occurredAt: Timestamp, recordedAt: Timestamp, metadata: EventMetadata,
        messageName: String, data: [UInt8]
    ) {
        self.init(
            EventContent(
                id: id, type: type, version: version, kind: kind, tenant: tenant, source: source,
                subject: subject, partitionKey: partitionKey, occurredAt: occurredAt,
                metadata: metadata, messageName: messageName, data: data),
            at: position, partition: partition, recordedAt: recordedAt)
    }
}
