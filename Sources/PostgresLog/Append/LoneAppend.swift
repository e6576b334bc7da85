import Events
import Postgres

/// A batch of one request with one event that depends on no other: what a quiet node sends. It has a
/// statement of its own, which costs about half as much.
///
/// Source: `SQL/append_one.sql`.
struct LoneAppend {
    private let batch: AppendBatch
    private let entry: BatchQueue.Entry

    /// Nil for any other batch, also for one that may have been stored already.
    init?(_ batch: AppendBatch) {
        guard batch.entries.count == 1, !batch.isInDoubt else { return nil }
        let entry = batch.entries[0]
        guard entry.append.events.count == 1, entry.append.repeats == nil,
            entry.append.held == nil
        else { return nil }
        self.batch = batch
        self.entry = entry
    }

    var parameters: [Parameter] {
        let append = entry.append
        let event = append.events[0]
        let metadata = event.metadata
        return [
            .uuid(batch.id), .bool(event.hasCallersID), .uuid(event.id.bits),
            .int4(append.tenants[0]), .uuid(event.fingerprint.bits), .uuid(append.subjectKeys[0]),
            .int4(append.types[0]), .int2(Int16(event.kind.rawValue)),
            .int2(append.partitions[0]), .timestamptz(event.occurredAt.microseconds),
            .int2(Int16(event.occurredAt.nanosecondsOfMicrosecond)), .text(event.source),
            .text(event.subject), .text(event.unusualPartitionKey),
            .text(event.unusualCorrelationID), Self.text(metadata.causationID),
            Self.text(metadata.userID), Self.text(metadata.sessionID),
            Self.text(metadata.requestID), Self.text(metadata.channel),
            Self.text(metadata.userAgent), Self.text(metadata.ipAddress),
            Self.text(metadata.traceparent), Self.text(metadata.tracestate),
            .jsonb(metadata.extra.isEmpty ? nil : StringMap.encode(metadata.extra)),
            .bytea(event.data), .int8(append.checksums[0].rawValue),
        ]
    }

    private static func text(_ text: String) -> Parameter { .text(text.isEmpty ? nil : text) }

    /// - Returns: Nil when the event's id is known: nothing was stored, and the statement for any
    ///   batch tells what is there.
    /// - Throws: `PostgresError` when the rows are not what the statement answers.
    func answer(_ rows: Rows) throws(PostgresError) -> AppendAnswer? {
        guard let bytes = try rows.only().optionalBytes(0) else { return nil }
        guard bytes.count == 16 else {
            throw PostgresError(.schemaMismatch, "the append answered \(bytes.count) bytes")
        }
        let position = Position(UInt64(bitPattern: bytes.bigEndian(Int64.self, at: 0)))
        let microseconds = PostgresTime.unixMicroseconds(
            wire: bytes.bigEndian(Int64.self, at: 8))
        return AppendAnswer(
            storing: entry.append, at: position,
            recordedAt: Timestamp(microseconds: microseconds))
    }
}
