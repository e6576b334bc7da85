/// What an event says, from its checks on and ever after. It never changes, and many hands pass it on:
/// all who hold the event share this object.
public final class EventContent: Sendable {
    public let id: EventID
    public let type: String
    public let version: UInt32
    public let kind: EventKind
    public let tenant: TenantID
    public let source: String
    public let subject: String
    public let partitionKey: String
    public let occurredAt: Timestamp
    public let metadata: EventMetadata
    /// Full name of the payload's message, as in `type.googleapis.com/NAME`.
    public let messageName: String
    /// The payload's wire bytes.
    public let data: [UInt8]

    public init(
        id: EventID, type: String, version: UInt32, kind: EventKind, tenant: TenantID,
        source: String, subject: String, partitionKey: String, occurredAt: Timestamp,
        metadata: EventMetadata, messageName: String, data: [UInt8]
    ) {
        self.id = id
        self.type = type
        self.version = version
        self.kind = kind
        self.tenant = tenant
        self.source = source
        self.subject = subject
        self.partitionKey = partitionKey
        self.occurredAt = occurredAt
        self.metadata = metadata
        self.messageName = messageName
        self.data = data
    }

    /// Roughly what the event takes on the wire and in memory; every text counts.
    var footprint: Int {
        // Ids, tenant, times, numbers and the frames of the fields; those of a map's entries.
        256 + metadata.extra.count * 16
            + data.count + type.utf8.count + messageName.utf8.count + source.utf8.count
            + subject.utf8.count + partitionKey.utf8.count + metadata.byteCount
    }
}

/// An event before or after it is stored: what it says can be asked of it.
public protocol EventCarrier: Sendable {
    var content: EventContent { get }
}

extension EventCarrier {
    @inlinable public var id: EventID { content.id }
    @inlinable public var type: String { content.type }
    @inlinable public var version: UInt32 { content.version }
    @inlinable public var kind: EventKind { content.kind }
    @inlinable public var tenant: TenantID { content.tenant }
    @inlinable public var source: String { content.source }
    @inlinable public var subject: String { content.subject }
    @inlinable public var partitionKey: String { content.partitionKey }
    @inlinable public var occurredAt: Timestamp { content.occurredAt }
    @inlinable public var metadata: EventMetadata { content.metadata }
    @inlinable public var messageName: String { content.messageName }
    @inlinable public var data: [UInt8] { content.data }

    /// Roughly what the event takes on the wire and in memory; every text counts.
    public var footprint: Int { content.footprint }
}
