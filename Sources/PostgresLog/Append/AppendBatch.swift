import Events
import Postgres
import Telemetry

/// Requests that are stored by one statement.
struct AppendBatch: Sendable {
    /// Names the batch in `apus.appends`.
    let id: UUIDBits
    private(set) var entries: [BatchQueue.Entry]
    /// Batches of one committer are numbered in the order in which they were sent.
    let number: UInt64
    let sentAt = MonotonicTime.now
    /// The answer to an earlier attempt was lost.
    var isInDoubt = false
    /// A position which the log had reached before the first attempt.
    private(set) var sentAfter: Position

    init(
        id: UUIDBits, number: UInt64 = 0, entries: [BatchQueue.Entry], sentAfter: Position
    ) {
        self.id = id
        self.number = number
        self.entries = entries
        self.sentAfter = sentAfter
    }

    /// The log is in another history, which holds no more than what is before `position`.
    mutating func restart(_ entries: [BatchQueue.Entry], after position: Position) {
        self.entries = entries
        sentAfter = min(sentAfter, position)
    }

    /// The batch with those of its requests for which `isWanted` says so.
    func keeping(_ isWanted: (BatchQueue.Entry) -> Bool) -> AppendBatch {
        var batch = self
        batch.entries.removeAll { !isWanted($0) }
        return batch
    }

    var eventCount: Int { entries.reduce(0) { $0 + $1.append.events.count } }

    /// For `SQL/append.sql`.
    var parameters: [Parameter] {
        var held: (requests: [Int32], keys: [UUIDBits], positions: [Int64]) = ([], [], [])
        for (index, entry) in entries.enumerated() {
            guard let condition = entry.append.held else { continue }
            held.requests.append(Int32(index + 1))
            held.keys.append(condition.key)
            held.positions.append(Int64(condition.precondition.lastPosition.rawValue))
        }
        var columns = Columns(count: eventCount)
        for entry in entries {
            for index in entry.append.events.indices {
                columns.add(entry.append, index, mayBeKnown: isInDoubt)
            }
        }
        return [
            .uuid(id),
            .int4Array(entries.map { Int32($0.append.events.count) }),
            .boolArray(entries.map(\.append.allowPartial)),
            .int4Array(held.requests), .uuidArray(held.keys), .int8Array(held.positions),
        ] + columns.parameters
    }
}

/// One array a column, one element an event. A column without a value is sent empty: shorter
/// arrays stand for nulls.
private struct Columns {
    var chosen: [Bool] = []
    var anyChosen = false
    var ids: [UUIDBits] = []
    var tenants: [Int32] = []
    var fingerprints: [UUIDBits] = []
    var subjectKeys = SparseColumn<UUIDBits>()
    var types: [Int32] = []
    var kinds: [Int16] = []
    var partitions: [Int16] = []
    var occurred: [Int64] = []
    var nanos: [Int16] = []
    var sources: [String] = []
    var subjects: [String] = []
    var partitionKeys = SparseColumn<String>()
    var metadata = [SparseColumn<String>](repeating: SparseColumn(), count: 10)
    var extras = SparseColumn<String>()
    var payloads: [[UInt8]] = []
    var checksums: [Int64] = []

    init(count: Int) {
        chosen.reserveCapacity(count)
        ids.reserveCapacity(count)
        tenants.reserveCapacity(count)
        fingerprints.reserveCapacity(count)
        types.reserveCapacity(count)
        kinds.reserveCapacity(count)
        partitions.reserveCapacity(count)
        occurred.reserveCapacity(count)
        nanos.reserveCapacity(count)
        sources.reserveCapacity(count)
        subjects.reserveCapacity(count)
        payloads.reserveCapacity(count)
        checksums.reserveCapacity(count)
    }

    mutating func add(_ append: PreparedAppend, _ index: Int, mayBeKnown: Bool) {
        let event = append.events[index]
        let row = ids.count
        chosen.append(event.hasCallersID || mayBeKnown)
        if event.hasCallersID || mayBeKnown { anyChosen = true }
        ids.append(event.id.bits)
        tenants.append(append.tenants[index])
        fingerprints.append(event.fingerprint.bits)
        subjectKeys.set(append.subjectKeys[index], at: row)
        types.append(append.types[index])
        kinds.append(Int16(event.kind.rawValue))
        partitions.append(append.partitions[index])
        occurred.append(event.occurredAt.microseconds)
        nanos.append(Int16(event.occurredAt.nanosecondsOfMicrosecond))
        sources.append(event.source)
        subjects.append(event.subject)
        partitionKeys.set(event.unusualPartitionKey, at: row)
        metadata[0].set(event.unusualCorrelationID, at: row)
        add(event.metadata, at: row)
        payloads.append(event.data)
        checksums.append(append.checksums[index].rawValue)
    }

    private mutating func add(_ values: EventMetadata, at row: Int) {
        func set(_ column: Int, _ text: String) {
            if !text.isEmpty { metadata[column].set(text, at: row) }
        }
        set(1, values.causationID)
        set(2, values.userID)
        set(3, values.sessionID)
        set(4, values.requestID)
        set(5, values.channel)
        set(6, values.userAgent)
        set(7, values.ipAddress)
        set(8, values.traceparent)
        set(9, values.tracestate)
        if !values.extra.isEmpty { extras.set(StringMap.encode(values.extra), at: row) }
    }

    var parameters: [Parameter] {
        [
            .boolArray(anyChosen ? chosen : []), .uuidArray(ids), .int4Array(tenants),
            .uuidArray(fingerprints), .uuidArray(subjectKeys.values), .int4Array(types),
            .int2Array(kinds), .int2Array(partitions), .timestamptzArray(occurred),
            .int2Array(nanos), .textArray(sources), .textArray(subjects),
            .textArray(partitionKeys.values),
        ] + metadata.map { .textArray($0.values) } + [
            .jsonbArray(extras.values), .byteaArray(payloads), .int8Array(checksums),
        ]
    }
}

/// A column most of whose values are missing. It ends with the last value that is there.
private struct SparseColumn<Value> {
    private(set) var values: [Value?] = []

    mutating func set(_ value: Value?, at row: Int) {
        guard let value else { return }
        while values.count < row { values.append(nil) }
        values.append(value)
    }
}

// What a row leaves out because it is as usual.
extension NewEvent {
    /// Nil: the subject, or the tenant where there is none.
    var unusualPartitionKey: String? {
        let usual = subject.isEmpty ? tenant.rawValue : subject
        // By bytes: Swift's == takes é and e◌́ for the same.
        return partitionKey.hasSameBytes(as: usual) ? nil : partitionKey
    }

    /// Nil: the event's own id, or none.
    var unusualCorrelationID: String? {
        let correlation = metadata.correlationID
        return correlation.isEmpty || id.isSpelled(correlation) ? nil : correlation
    }
}

extension String {
    fileprivate func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let left = utf8.span
        let right = other.utf8.span
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }
}
