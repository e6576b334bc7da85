import Events

/// Writes `apus.v1.SubscribeResponse.deliveries` as a plain subscriber gets them, straight from the
/// event's fields: the event, the cursor behind it, attempt 1.
///
/// Field by field what the generated messages would write; a message is measured first, since its
/// length comes before it.
struct DeliveryWriter: DeliveryEncoder {
    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8]) {
        let sizes = Sizes(event)
        bytes.reserveCapacity(bytes.count + sizes.delivery + 8)
        var wire = WireWriter(bytes: consume bytes)
        wire.head(1, sizes.delivery)
        wire.head(1, sizes.event)
        append(event, sizes, to: &wire)
        wire.head(2, Cursor.length)
        Cursor(position: event.position, epoch: epoch).append(to: &wire.bytes)
        wire.number(4, 1)
        bytes = wire.bytes
    }

    private func append(_ event: EventFields, _ sizes: Sizes, to wire: inout WireWriter) {
        wire.head(1, WireWriter.idBytes)
        wire.id(event.id)
        wire.text(2, event.type)
        wire.number(3, UInt64(event.version))
        wire.number(4, UInt64(event.kind.rawValue))
        wire.text(5, event.tenant.rawValue)
        wire.text(6, event.source, of: event.bytes)
        wire.text(7, event.subject, of: event.bytes)
        switch event.key {
        case .text(let text): wire.text(8, text, of: event.bytes)
        case .tenant(let tenant): wire.text(8, tenant)
        }
        wire.head(9, sizes.occurredAt)
        wire.timestamp(event.occurredAt)
        wire.head(10, sizes.metadata)
        append(event.metadata, of: event, to: &wire)
        wire.head(11, sizes.data)
        wire.head(1, Sizes.urlPrefix.utf8.count + event.messageName.utf8.count)
        wire.bytes.append(contentsOf: Sizes.urlPrefix.utf8)
        wire.bytes.append(contentsOf: event.messageName.utf8)
        wire.text(2, event.data, of: event.bytes)
        wire.number(12, event.position.rawValue)
        wire.number(13, UInt64(event.partition))
        wire.head(14, sizes.recordedAt)
        wire.timestamp(event.recordedAt)
    }

    private func append(
        _ metadata: EventFields.Metadata, of event: EventFields, to wire: inout WireWriter
    ) {
        if let correlation = metadata.correlationID {
            wire.text(1, correlation, of: event.bytes)
        } else {
            wire.head(1, WireWriter.idBytes)
            wire.id(event.id)
        }
        wire.text(2, metadata.causationID, of: event.bytes)
        wire.text(3, metadata.userID, of: event.bytes)
        wire.text(4, metadata.sessionID, of: event.bytes)
        wire.text(5, metadata.requestID, of: event.bytes)
        wire.text(6, metadata.channel, of: event.bytes)
        wire.text(7, metadata.userAgent, of: event.bytes)
        wire.text(8, metadata.ipAddress, of: event.bytes)
        wire.text(9, metadata.traceparent, of: event.bytes)
        wire.text(10, metadata.tracestate, of: event.bytes)
        for (key, value) in metadata.extra {
            wire.head(11, Sizes.entry(key, value))
            wire.text(1, key)
            wire.text(2, value)
        }
    }
}

/// The lengths of the messages in a delivery, without their own heads.
private struct Sizes {
    static let urlPrefix = "type.googleapis.com/"

    let delivery: Int
    let event: Int
    let metadata: Int
    let data: Int
    let occurredAt: Int
    let recordedAt: Int

    init(_ event: EventFields) {
        let metadata = Self.metadata(event.metadata)
        let url = Self.urlPrefix.utf8.count + event.messageName.utf8.count
        let data = WireWriter.size(url) + WireWriter.size(event.data)
        occurredAt = WireWriter.size(event.occurredAt)
        recordedAt = WireWriter.size(event.recordedAt)
        let key =
            switch event.key {
            case .text(let text): WireWriter.size(text)
            case .tenant(let tenant): WireWriter.size(tenant)
            }
        let whole =
            WireWriter.size(WireWriter.idBytes) + WireWriter.size(event.type)
            + WireWriter.size(UInt64(event.version))
            + WireWriter.size(UInt64(event.kind.rawValue))
            + WireWriter.size(event.tenant.rawValue) + WireWriter.size(event.source)
            + WireWriter.size(event.subject) + key + WireWriter.size(always: occurredAt)
            + WireWriter.size(always: metadata) + WireWriter.size(always: data)
            + WireWriter.size(event.position.rawValue)
            + WireWriter.size(UInt64(event.partition)) + WireWriter.size(always: recordedAt)
        self.metadata = metadata
        self.data = data
        self.event = whole
        delivery =
            WireWriter.size(whole) + WireWriter.size(Cursor.length) + WireWriter.size(UInt64(1))
    }

    static func entry(_ key: String, _ value: String) -> Int {
        WireWriter.size(key) + WireWriter.size(value)
    }

    private static func metadata(_ metadata: EventFields.Metadata) -> Int {
        var size =
            metadata.correlationID.map { WireWriter.size($0) }
            ?? WireWriter.size(WireWriter.idBytes)
        size += WireWriter.size(metadata.causationID) + WireWriter.size(metadata.userID)
        size += WireWriter.size(metadata.sessionID) + WireWriter.size(metadata.requestID)
        size += WireWriter.size(metadata.channel) + WireWriter.size(metadata.userAgent)
        size += WireWriter.size(metadata.ipAddress) + WireWriter.size(metadata.traceparent)
        size += WireWriter.size(metadata.tracestate)
        for (key, value) in metadata.extra { size += WireWriter.size(always: entry(key, value)) }
        return size
    }
}

extension EventFields {
    fileprivate enum Key {
        case text(Text)
        case tenant(String)
    }

    fileprivate var key: Key {
        if let partitionKey { return .text(partitionKey) }
        return subject.isEmpty ? .tenant(tenant.rawValue) : .text(subject)
    }
}
