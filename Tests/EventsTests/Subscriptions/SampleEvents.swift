import Events

/// Events for tests that care for little more than positions.
enum SampleEvents {
    static func event(
        _ position: UInt64, type: String = "lead.created", tenant: String = "acme",
        subject: String = "", data: [UInt8] = [], id: EventID? = nil
    ) -> RecordedEvent {
        let tenant = TenantID(unchecked: tenant)
        let time = Timestamp(seconds: 1_700_000_000 + Int64(position), nanoseconds: 0)
        return RecordedEvent(
            position: Position(position), partition: Partition.of(tenant: tenant, key: "key"),
            id: id ?? EventID(high: 0x7000, low: position), type: type, version: 1, kind: .domain,
            tenant: tenant, source: "test", subject: subject, partitionKey: "key", occurredAt: time,
            recordedAt: time, metadata: EventMetadata(), messageName: "test.Message", data: data)
    }

    /// Of a log that lost nothing and lived in these epochs: their ids and what they opened after.
    static func bounds(_ head: UInt64, epochs: (UInt64, UInt64)...) -> LogBounds {
        let epochs = epochs.isEmpty ? [(1, 0)] : epochs
        return LogBounds(
            earliest: Position(1), head: Position(head),
            epochs: epochs.map { LogEpoch(id: $0.0, openedAfter: Position($0.1)) })
    }

    static func events(_ positions: ClosedRange<UInt64>) -> [RecordedEvent] {
        positions.map { event($0) }
    }
}
