import Events
import Postgres

/// What the store said about a batch.
struct AppendAnswer: Sendable {
    /// The outcome of each request, in order.
    let results: [Result<[AppendOutcome], EventsError>]
    /// What is in the log now and was not before.
    let recorded: [RecordedEvent]
    /// The log's newest position, as far as the answer tells.
    let head: Position

    private struct Known {
        let position: Position
        let fingerprint: Fingerprint
        let isSame: Bool
    }

    /// - Parameters:
    ///   - rows: Of `SQL/append.sql`.
    ///   - earlier: Where an earlier attempt of the same batch, whose answer was lost, stored its
    ///     events: what is known there is no duplicate.
    /// - Throws: `PostgresError` when the rows are not what that statement answers.
    init(
        _ batch: AppendBatch, _ rows: Rows, earlier: [ClosedRange<Position>] = []
    ) throws(PostgresError) {
        var known: [Int: Known] = [:]
        var moved: [Int: Position] = [:]
        var base = Position.zero
        var stored = 0
        var recordedAt = Timestamp(seconds: 0, nanoseconds: 0)
        for row in rows {
            let state = try row.int32(0)
            let ordinal = Int(try row.int32(1)) - 1
            let position = Position(UInt64(try row.int64(2)))
            switch state {
            case 0:
                base = position
                stored = Int(try row.int32(3))
                recordedAt = Timestamp(microseconds: try row.timestamp(4))
            case 1, 2:
                known[ordinal] = Known(
                    position: position, fingerprint: Fingerprint(try row.uuid(5)),
                    isSame: state == 1)
            default: moved[ordinal] = position
            }
        }
        var builder = Builder(
            next: base.next, recordedAt: recordedAt, earlier: earlier,
            isPlain: known.isEmpty && moved.isEmpty)
        var results: [Result<[AppendOutcome], EventsError>] = []
        results.reserveCapacity(batch.entries.count)
        var first = 0
        for (index, entry) in batch.entries.enumerated() {
            results.append(
                builder.result(
                    of: entry.append, first: first, known: known, moved: moved[index]))
            first += entry.append.events.count
        }
        guard builder.next == base.advanced(by: stored + 1) else {
            throw PostgresError(.schemaMismatch, "the append stored another number of events")
        }
        self.results = results
        recorded = builder.recorded
        head = base.advanced(by: stored)
    }

    /// Gives the stored events their positions, in the order in which the statement counted.
    private struct Builder {
        var next: Position
        let recordedAt: Timestamp
        let earlier: [ClosedRange<Position>]
        let isPlain: Bool
        var recorded: [RecordedEvent] = []

        mutating func result(
            of append: PreparedAppend, first: Int, known: [Int: Known], moved: Position?
        ) -> Result<[AppendOutcome], EventsError> {
            let knowns =
                isPlain
                ? [Known?](repeating: nil, count: append.events.count)
                : append.events.indices.map { known[first + $0] }
            if !append.allowPartial, let index = knowns.firstIndex(where: { $0?.isSame == false }) {
                return .failure(.idTaken(append.events[index].id))
            }
            if let moved, let held = append.held?.precondition {
                return .failure(
                    .subjectMoved(held.subject, expected: held.lastPosition, actual: moved))
            }
            var positions: [Position] = []
            positions.reserveCapacity(append.events.count)
            for (index, event) in append.events.enumerated() {
                if let known = knowns[index] {
                    positions.append(known.position)
                } else {
                    positions.append(next)
                    recorded.append(RecordedEvent(event, at: next, recordedAt: recordedAt))
                    next = next.next
                }
            }
            return .success(append.slots.map { outcome(of: $0, append, knowns, positions) })
        }

        private func outcome(
            of slot: PreparedAppend.Slot, _ append: PreparedAppend, _ knowns: [Known?],
            _ positions: [Position]
        ) -> AppendOutcome {
            let position = positions[slot.index]
            let known = knowns[slot.index]
            let there = known?.fingerprint ?? append.events[slot.index].fingerprint
            guard slot.fingerprint == there else {
                return .rejected(.idTaken(append.events[slot.index].id))
            }
            if slot.isRepeat { return .duplicate(position) }
            if known == nil || earlier.contains(where: { $0.contains(position) }) {
                return .stored(position)
            }
            return .duplicate(position)
        }
    }
}

extension RecordedEvent {
    convenience init(_ event: NewEvent, at position: Position, recordedAt: Timestamp) {
        self.init(
            position: position,
            partition: Partition.of(tenant: event.tenant, key: event.partitionKey), id: event.id,
            type: event.type, version: event.version, kind: event.kind, tenant: event.tenant,
            source: event.source, subject: event.subject, partitionKey: event.partitionKey,
            occurredAt: event.occurredAt, recordedAt: recordedAt, metadata: event.metadata,
            messageName: event.messageName, data: event.data)
    }
}
