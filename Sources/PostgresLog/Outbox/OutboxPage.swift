import Events
import Postgres

/// What one look at the outbox found.
struct OutboxPage: Sendable {
    struct Element: Sendable {
        let key: OutboxScan.Key
        let entry: OutboxEntry
    }

    /// In the order in which they were published.
    let elements: [Element]
    /// Where the page was cut off; nil when it holds everything.
    let last: OutboxScan.Key?
    let snapshot: OutboxScan.Snapshot

    /// - Parameters:
    ///   - rows: Of `SQL/outbox_page.sql`.
    ///   - limit: Most rows that were asked for.
    ///   - maxBytes: Where it was to end.
    /// - Throws: `PostgresError` when the rows are not what that statement answers.
    init(_ rows: Rows, limit: Int, maxBytes: Int) throws(PostgresError) {
        guard let first = rows.first else {
            throw PostgresError(.schemaMismatch, "the outbox answered no row")
        }
        snapshot = OutboxScan.Snapshot(
            beyond: try first.int64(0), running: try first.int64s(1))
        var elements: [Element] = []
        var bytes = 0
        for row in rows where try !row.isNull(2) {
            elements.append(try Element(row))
            bytes += Int(try row.int32(5))
        }
        last = elements.count >= limit || bytes >= maxBytes ? elements.last?.key : nil
        // Rows come by transaction; calls were made by number.
        self.elements = elements.sorted { $0.key.number < $1.key.number }
    }
}

extension OutboxPage.Element {
    fileprivate init(_ row: Row) throws(PostgresError) {
        key = OutboxScan.Key(transaction: try row.int64(2), number: try row.int64(3))
        let id = EventID(try row.uuid(6))
        let payload: OutboxEntry.Payload =
            if let json = try row.optionalString(11) {
                .json(json)
            } else {
                .protobuf(try row.bytes(12))
            }
        let draft = EventDraft(
            id: try row.bool(7) ? id.description : "", type: try row.string(9),
            version: UInt32(clamping: try row.optionalInt32(10) ?? 0),
            tenant: try row.string(8), source: try row.string(15), subject: try row.string(13),
            partitionKey: try row.string(14), occurredAt: try row.optionalTime(16),
            metadata: try Self.metadata(row))
        entry = OutboxEntry(
            id: id, draft: draft, payload: payload,
            publishedAt: Timestamp(microseconds: try row.timestamp(4)))
    }

    private static func metadata(_ row: Row) throws(PostgresError) -> EventMetadata {
        EventMetadata(
            correlationID: try row.optionalString(17) ?? "",
            causationID: try row.optionalString(18) ?? "",
            userID: try row.optionalString(19) ?? "",
            sessionID: try row.optionalString(20) ?? "",
            requestID: try row.optionalString(21) ?? "",
            channel: try row.optionalString(22) ?? "",
            userAgent: try row.optionalString(23) ?? "",
            ipAddress: try row.optionalString(24) ?? "",
            traceparent: try row.optionalString(25) ?? "",
            tracestate: try row.optionalString(26) ?? "",
            extra: try row.optionalString(27).map(extra) ?? [:])
    }

    /// What is refused for its marks is made a value, which is refused for them: a key is hashed
    /// first, in time that grows with their square.
    private static func extra(_ text: String) -> [String: String] {
        text.holdsLongMarkRun ? ["": text] : StringMap.decode(text)
    }
}
