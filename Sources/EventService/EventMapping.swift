import Digests
import EventProtos
import Events

// Between the events of the wire and those of the rules.

extension EventDraft {
    /// - Parameter hash: Computes the fingerprint; one object serves many drafts.
    init(_ event: ApusV1.Event, hash: SHA256) {
        self.init(
            id: event.id, type: event.type, version: event.version,
            kind: Int(event.kind.rawValue), tenant: event.tenantId, source: event.source,
            subject: event.subject, partitionKey: event.partitionKey,
            occurredAt: event.occurredAt.map(Timestamp.init),
            metadata: event.metadata.map(EventMetadata.init) ?? EventMetadata(),
            typeURL: event.data?.typeUrl ?? "", data: event.data?.value ?? [])
        fingerprint = Fingerprint(of: self, hash: hash)
    }
}

extension EventMetadata {
    init(_ metadata: ApusV1.EventMetadata) {
        self.init(
            correlationID: metadata.correlationId, causationID: metadata.causationId,
            userID: metadata.userId, sessionID: metadata.sessionId,
            requestID: metadata.requestId, channel: metadata.channel,
            userAgent: metadata.userAgent, ipAddress: metadata.ipAddress,
            traceparent: metadata.traceparent, tracestate: metadata.tracestate,
            extra: metadata.extra)
    }
}

extension ApusV1.EventMetadata {
    init(_ metadata: Events.EventMetadata) {
        self.init()
        correlationId = metadata.correlationID
        causationId = metadata.causationID
        userId = metadata.userID
        sessionId = metadata.sessionID
        requestId = metadata.requestID
        channel = metadata.channel
        userAgent = metadata.userAgent
        ipAddress = metadata.ipAddress
        traceparent = metadata.traceparent
        tracestate = metadata.tracestate
        extra = metadata.extra
    }
}

extension ApusV1.Event {
    init(_ event: RecordedEvent) {
        self.init()
        id = event.id.description
        type = event.type
        version = event.version
        kind = ApusV1.EventKind(rawValue: Int32(event.kind.rawValue))
        tenantId = event.tenant.rawValue
        source = event.source
        subject = event.subject
        partitionKey = event.partitionKey
        occurredAt = GoogleProtobuf.Timestamp(event.occurredAt)
        metadata = ApusV1.EventMetadata(event.metadata)
        data = GoogleProtobuf.AnyMessage(event.data, of: event.messageName)
        position = event.position.rawValue
        partition = UInt32(event.partition)
        recordedAt = GoogleProtobuf.Timestamp(event.recordedAt)
    }
}

extension Timestamp {
    init(_ timestamp: GoogleProtobuf.Timestamp) {
        self.init(seconds: timestamp.seconds, nanoseconds: timestamp.nanos)
    }
}

extension GoogleProtobuf.Timestamp {
    init(_ timestamp: Timestamp) {
        self.init()
        seconds = timestamp.seconds
        nanos = timestamp.nanoseconds
    }
}

extension EventFilter {
    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field below `path`,
    ///   `.permissionDenied`.
    init(
        _ filter: ApusV1.Filter?, caller: Caller, path: String = "filter"
    ) throws(EventsError) {
        let filter = filter ?? ApusV1.Filter()
        try self.init(
            types: filter.types, tenants: filter.tenants, subjectPrefix: filter.subjectPrefix,
            sources: filter.sources, kinds: filter.kinds.map { Int($0.rawValue) },
            caller: caller, field: path)
    }
}
