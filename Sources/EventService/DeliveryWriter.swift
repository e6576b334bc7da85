import Events

/// Writes `apus.v1.SubscribeResponse.deliveries` as a plain subscriber gets them, straight from the
/// event's fields: the event, the cursor behind it, attempt 1.
///
/// Field by field what the generated messages would write; a message is measured first, since its
/// length comes before it.
struct DeliveryWriter: DeliveryEncoder {
    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8]) {
        let sizes = Sizes(event)
        bytes.append(addingCapacity: WireSize.of(always: sizes.delivery)) { wire in
            wire.head(1, sizes.delivery)
            wire.head(1, sizes.event)
            append(event, sizes, to: &wire)
            wire.head(2, Cursor.length)
            Cursor(position: event.position, epoch: epoch).append(to: &wire)
            wire.number(4, 1)
            precondition(wire.isFull, "less than was measured")
        }
    }

    private func append(_ event: EventFields, _ sizes: Sizes, to wire: inout OutputSpan<UInt8>) {
        wire.head(1, WireSize.id)
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
        wire.append(contentsOf: Sizes.urlPrefix.utf8.span)
        wire.append(contentsOf: event.messageName.utf8.span)
        wire.text(2, event.data, of: event.bytes)
        wire.number(12, event.position.rawValue)
        wire.number(13, UInt64(event.partition))
        wire.head(14, sizes.recordedAt)
        wire.timestamp(event.recordedAt)
    }

    private func append(
        _ metadata: EventFields.Metadata, of event: EventFields, to wire: inout OutputSpan<UInt8>
    ) {
        if let correlation = metadata.correlationID {
            wire.text(1, correlation, of: event.bytes)
        } else {
            wire.head(1, WireSize.id)
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
        let data = WireSize.of(url) + WireSize.of(event.data)
        occurredAt = WireSize.of(event.occurredAt)
        recordedAt = WireSize.of(event.recordedAt)
        let key =
            switch event.key {
            case .text(let text): WireSize.of(text)
            case .tenant(let tenant): WireSize.of(tenant)
            }
        let whole =
            WireSize.of(WireSize.id) + WireSize.of(event.type)
            + WireSize.of(UInt64(event.version))
            + WireSize.of(UInt64(event.kind.rawValue))
            + WireSize.of(event.tenant.rawValue) + WireSize.of(event.source)
            + WireSize.of(event.subject) + key + WireSize.of(always: occurredAt)
            + WireSize.of(always: metadata) + WireSize.of(always: data)
            + WireSize.of(event.position.rawValue)
            + WireSize.of(UInt64(event.partition)) + WireSize.of(always: recordedAt)
        self.metadata = metadata
        self.data = data
        self.event = whole
        delivery =
            WireSize.of(whole) + WireSize.of(Cursor.length) + WireSize.of(UInt64(1))
    }

    static func entry(_ key: String, _ value: String) -> Int {
        WireSize.of(key) + WireSize.of(value)
    }

    private static func metadata(_ metadata: EventFields.Metadata) -> Int {
        var size =
            metadata.correlationID.map { WireSize.of($0) }
            ?? WireSize.of(WireSize.id)
        size += WireSize.of(metadata.causationID) + WireSize.of(metadata.userID)
        size += WireSize.of(metadata.sessionID) + WireSize.of(metadata.requestID)
        size += WireSize.of(metadata.channel) + WireSize.of(metadata.userAgent)
        size += WireSize.of(metadata.ipAddress) + WireSize.of(metadata.traceparent)
        size += WireSize.of(metadata.tracestate)
        for (key, value) in metadata.extra { size += WireSize.of(always: entry(key, value)) }
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
