/// The fields of a recorded event as a buffer holds them: for who passes an event on and needs no
/// object of it.
public struct EventFields: Sendable {
    /// A stretch of ``bytes``, UTF-8; empty where an event has nothing to say.
    public struct Text: Sendable, Hashable {
        public let offset: Int
        public let count: Int

        public static let empty = Text(offset: 0, count: 0)

        public init(offset: Int, count: Int) {
            self.offset = offset
            self.count = count
        }

        public var isEmpty: Bool { count == 0 }
    }

    /// What ``EventMetadata`` has besides the map.
    public struct Metadata: Sendable {
        /// Nil: the event's own id.
        public var correlationID: Text?
        public var causationID = Text.empty
        public var userID = Text.empty
        public var sessionID = Text.empty
        public var requestID = Text.empty
        public var channel = Text.empty
        public var userAgent = Text.empty
        public var ipAddress = Text.empty
        public var traceparent = Text.empty
        public var tracestate = Text.empty
        public var extra: [String: String] = [:]

        public init() {}
    }

    public var position: Position
    public var partition: Int
    public var id: EventID
    public var type: String
    public var version: UInt32
    public var kind: EventKind
    public var tenant: TenantID
    public var occurredAt: Timestamp
    public var recordedAt: Timestamp
    /// Full name of the payload's message.
    public var messageName: String
    /// What the texts and the payload are stretches of.
    public let bytes: [UInt8]
    public var source = Text.empty
    public var subject = Text.empty
    /// Nil: the subject, or the tenant where there is none.
    public var partitionKey: Text?
    public var metadata = Metadata()
    /// The payload's wire bytes.
    public var data = Text.empty

    public init(
        position: Position, partition: Int, id: EventID, type: String, version: UInt32,
        kind: EventKind, tenant: TenantID, occurredAt: Timestamp, recordedAt: Timestamp,
        messageName: String, bytes: [UInt8]
    ) {
        self.position = position
        self.partition = partition
        self.id = id
        self.type = type
        self.version = version
        self.kind = kind
        self.tenant = tenant
        self.occurredAt = occurredAt
        self.recordedAt = recordedAt
        self.messageName = messageName
        self.bytes = bytes
    }
}

extension EventFields {
    public init(_ event: RecordedEvent) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(event.footprint)
        func text(_ string: String) -> Text {
            let offset = bytes.count
            bytes.append(contentsOf: string.utf8)
            return Text(offset: offset, count: bytes.count - offset)
        }
        let source = text(event.source)
        let subject = text(event.subject)
        let partitionKey = text(event.partitionKey)
        let given = event.metadata
        var metadata = Metadata()
        metadata.correlationID = text(given.correlationID)
        metadata.causationID = text(given.causationID)
        metadata.userID = text(given.userID)
        metadata.sessionID = text(given.sessionID)
        metadata.requestID = text(given.requestID)
        metadata.channel = text(given.channel)
        metadata.userAgent = text(given.userAgent)
        metadata.ipAddress = text(given.ipAddress)
        metadata.traceparent = text(given.traceparent)
        metadata.tracestate = text(given.tracestate)
        metadata.extra = given.extra
        let data = Text(offset: bytes.count, count: event.data.count)
        bytes.append(contentsOf: event.data)
        self.init(
            position: event.position, partition: event.partition, id: event.id, type: event.type,
            version: event.version, kind: event.kind, tenant: event.tenant,
            occurredAt: event.occurredAt, recordedAt: event.recordedAt,
            messageName: event.messageName, bytes: bytes)
        self.source = source
        self.subject = subject
        self.partitionKey = partitionKey
        self.metadata = metadata
        self.data = data
    }
}
