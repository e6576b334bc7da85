import Events
import Postgres

/// Reads the columns of an event, in the order of `apus.events`.
struct EventRow {
    /// Where the event's position is.
    let first: Int

    func isNull(_ row: Row) throws(PostgresError) -> Bool {
        try row.isNull(first)
    }

    func tenant(_ row: Row) throws(PostgresError) -> Int32 { try row.int32(first + 4) }
    func type(_ row: Row) throws(PostgresError) -> Int32 { try row.int32(first + 5) }
    func position(_ row: Row) throws(PostgresError) -> Position {
        Position(UInt64(try row.int64(first)))
    }

    func event(
        _ row: Row, tenant: TenantID, type: Directory.TypeKey
    ) throws(PostgresError) -> RecordedEvent {
        let id = EventID(try row.uuid(first + 3))
        let subject = try row.string(first + 10)
        let key = try row.optionalString(first + 11)
        return RecordedEvent(
            position: try position(row), partition: Int(try row.int16(first + 6)), id: id,
            type: type.name, version: type.version,
            kind: EventKind(rawValue: Int(try row.int16(first + 7))) ?? .domain, tenant: tenant,
            source: try row.string(first + 9), subject: subject,
            partitionKey: key ?? (subject.isEmpty ? tenant.rawValue : subject),
            occurredAt: Timestamp(
                microseconds: try row.timestamp(first + 1),
                nanoseconds: Int32(try row.int16(first + 8))),
            recordedAt: Timestamp(microseconds: try row.timestamp(first + 2)),
            metadata: try metadata(row, id: id), messageName: type.message,
            data: try row.bytes(first + 23))
    }

    /// The fields where they lie in the rows' buffer.
    func fields(
        _ row: Row, tenant: TenantID, type: Directory.TypeKey
    ) throws(PostgresError) -> EventFields {
        var fields = EventFields(
            position: try position(row), partition: Int(try row.int16(first + 6)),
            id: EventID(try row.uuid(first + 3)), type: type.name, version: type.version,
            kind: EventKind(rawValue: Int(try row.int16(first + 7))) ?? .domain, tenant: tenant,
            occurredAt: Timestamp(
                microseconds: try row.timestamp(first + 1),
                nanoseconds: Int32(try row.int16(first + 8))),
            recordedAt: Timestamp(microseconds: try row.timestamp(first + 2)),
            messageName: type.message, bytes: row.buffer)
        fields.source = try text(row, 9) ?? .empty
        fields.subject = try text(row, 10) ?? .empty
        fields.partitionKey = try text(row, 11)
        fields.metadata.correlationID = try text(row, 12)
        fields.metadata.causationID = try text(row, 13) ?? .empty
        fields.metadata.userID = try text(row, 14) ?? .empty
        fields.metadata.sessionID = try text(row, 15) ?? .empty
        fields.metadata.requestID = try text(row, 16) ?? .empty
        fields.metadata.channel = try text(row, 17) ?? .empty
        fields.metadata.userAgent = try text(row, 18) ?? .empty
        fields.metadata.ipAddress = try text(row, 19) ?? .empty
        fields.metadata.traceparent = try text(row, 20) ?? .empty
        fields.metadata.tracestate = try text(row, 21) ?? .empty
        if let extra = try row.optionalString(first + 22) {
            fields.metadata.extra = StringMap.decode(extra)
        }
        fields.data = try text(row, 23) ?? .empty
        return fields
    }

    private func text(_ row: Row, _ column: Int) throws(PostgresError) -> EventFields.Text? {
        try row.stretch(first + column).map {
            EventFields.Text(offset: $0.lowerBound, count: $0.count)
        }
    }

    private func metadata(_ row: Row, id: EventID) throws(PostgresError) -> EventMetadata {
        EventMetadata(
            correlationID: try row.optionalString(first + 12) ?? id.description,
            causationID: try row.optionalString(first + 13) ?? "",
            userID: try row.optionalString(first + 14) ?? "",
            sessionID: try row.optionalString(first + 15) ?? "",
            requestID: try row.optionalString(first + 16) ?? "",
            channel: try row.optionalString(first + 17) ?? "",
            userAgent: try row.optionalString(first + 18) ?? "",
            ipAddress: try row.optionalString(first + 19) ?? "",
            traceparent: try row.optionalString(first + 20) ?? "",
            tracestate: try row.optionalString(first + 21) ?? "",
            extra: try row.optionalString(first + 22).map(StringMap.decode) ?? [:])
    }
}

extension EventID {
    init(_ bits: UUIDBits) {
        self.init(high: bits.high, low: bits.low)
    }

    var bits: UUIDBits { UUIDBits(high: high, low: low) }
}

extension Fingerprint {
    init(_ bits: UUIDBits) {
        self.init(high: bits.high, low: bits.low)
    }

    var bits: UUIDBits { UUIDBits(high: high, low: low) }
}
