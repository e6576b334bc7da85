/// A fact in the log. It never changes, so everyone on a node shares one object.
public final class RecordedEvent: Sendable {
    public let position: Position
    /// 0..<64, see ``Partition``.
    public let partition: Int
    public let id: EventID
    public let type: String
    public let version: UInt32
    public let kind: EventKind
    public let tenant: TenantID
    public let source: String
    public let subject: String
    public let partitionKey: String
    public let occurredAt: Timestamp
    /// Never runs backwards along the log; whole microseconds.
    public let recordedAt: Timestamp
    public let metadata: EventMetadata
    /// Full name of the payload's message, as in `type.googleapis.com/NAME`.
    public let messageName: String
    /// The payload's wire bytes.
    public let data: [UInt8]

    public init(
        position: Position, partition: Int, id: EventID, type: String, version: UInt32,
        kind: EventKind, tenant: TenantID, source: String, subject: String, partitionKey: String,
        occurredAt: Timestamp, recordedAt: Timestamp, metadata: EventMetadata,
        messageName: String, data: [UInt8]
    ) {
        self.position = position
        self.partition = partition
        self.id = id
        self.type = type
        self.version = version
        self.kind = kind
        self.tenant = tenant
        self.source = source
        self.subject = subject
        self.partitionKey = partitionKey
        self.occurredAt = occurredAt
        self.recordedAt = recordedAt
        self.metadata = metadata
        self.messageName = messageName
        self.data = data
    }
}
