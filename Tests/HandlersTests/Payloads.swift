import EventProtos
import Events
import Protobuf

extension RecordedEvent {
    /// An event of tenant acme with a payload, as the log would have it.
    static func test(
        _ payload: some Message, position: UInt64 = 7, message: String? = nil,
        tenant: String = "acme", user: String = ""
    ) -> RecordedEvent {
        let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)
        let name = Swift.type(of: payload).descriptor.fullName
        let type = EventCatalogue.payloads.first { $0.message.fullName == name }?.type ?? ""
        return RecordedEvent(
            position: Position(position), partition: 0, id: EventID(high: 1, low: position),
            type: type, version: 1, kind: .domain, tenant: TenantID(unchecked: tenant),
            source: "crm", subject: "", partitionKey: "acme", occurredAt: time, recordedAt: time,
            metadata: EventMetadata(userID: user), messageName: message ?? name,
            data: payload.encoded())
    }
}

extension ApusEventsCommonV1.Money {
    static func euros(_ units: Int64, nanos: Int32 = 0) -> Self {
        Self(currencyCode: "EUR", units: units, nanos: nanos)
    }
}
