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

    /// - Parameters:
    ///   - rows: Of `SQL/append.sql`.
    ///   - earlier: Where an earlier attempt of the same batch, whose answer was lost, stored its
    ///     events: what is known there is no duplicate.
    /// - Throws: `PostgresError` when the rows are not what that statement answers.
    init(
        _ batch: AppendBatch, _ rows: Rows, earlier: [ClosedRange<Position>] = []
    ) throws(PostgresError) {
        var findings = Findings()
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
                findings.known[ordinal] = Findings.Known(
                    position: position, fingerprint: Fingerprint(try row.uuid(5)),
                    isSame: state == 1)
            default: findings.moved[ordinal] = position
            }
        }
        var recorder = Recorder(next: base.next, recordedAt: recordedAt)
        recorder.events.reserveCapacity(stored)
        var results: [Result<[AppendOutcome], EventsError>] = []
        results.reserveCapacity(batch.entries.count)
        if findings.isEmpty {
            for entry in batch.entries {
                results.append(.success(recorder.store(entry.append)))
            }
        } else {
            var first = 0
            for (index, entry) in batch.entries.enumerated() {
                results.append(
                    recorder.result(
                        of: entry.append, first: first, findings, moved: findings.moved[index],
                        earlier: earlier))
                first += entry.append.events.count
            }
        }
        guard recorder.next == base.advanced(by: stored + 1) else {
            throw PostgresError(.schemaMismatch, "the append stored another number of events")
        }
        self.results = results
        recorded = recorder.events
        head = base.advanced(by: stored)
    }

    /// All events of the one request were stored, from a position on.
    init(storing append: PreparedAppend, at position: Position, recordedAt: Timestamp) {
        var recorder = Recorder(next: position, recordedAt: recordedAt)
        results = [.success(recorder.store(append))]
        recorded = recorder.events
        head = recorder.next.previous
    }
}

/// What of a batch was not simply stored.
private struct Findings {
    struct Known {
        let position: Position
        let fingerprint: Fingerprint
        let isSame: Bool
    }

    /// By the ordinal of the event in the batch, from 0.
    var known: [Int: Known] = [:]
    /// Where a request's precondition found its subject, by the ordinal of the request.
    var moved: [Int: Position] = [:]

    var isEmpty: Bool { known.isEmpty && moved.isEmpty }
}

/// Gives the stored events their positions, in the order in which the statement counted.
private struct Recorder {
    var next: Position
    let recordedAt: Timestamp
    var events: [RecordedEvent] = []

    init(next: Position, recordedAt: Timestamp) {
        self.next = next
        self.recordedAt = recordedAt
    }

    /// A request of which every event is new.
    mutating func store(_ append: PreparedAppend) -> [AppendOutcome] {
        let first = next
        for index in append.events.indices { record(append, index) }
        guard let slots = append.repeats else {
            return append.events.indices.map { .stored(first.advanced(by: $0)) }
        }
        return slots.map { slot in
            outcome(of: slot, append, known: nil, first.advanced(by: slot.index), earlier: [])
        }
    }

    mutating func result(
        of append: PreparedAppend, first: Int, _ findings: Findings, moved: Position?,
        earlier: [ClosedRange<Position>]
    ) -> Result<[AppendOutcome], EventsError> {
        let knowns = append.events.indices.map { findings.known[first + $0] }
        if !append.allowPartial, let index = knowns.firstIndex(where: { $0?.isSame == false }) {
            return .failure(.idTaken(append.events[index].id))
        }
        if let moved, let held = append.held?.precondition {
            return .failure(
                .subjectMoved(held.subject, expected: held.lastPosition, actual: moved))
        }
        var positions: [Position] = []
        positions.reserveCapacity(append.events.count)
        for index in append.events.indices {
            positions.append(knowns[index]?.position ?? next)
            if knowns[index] == nil { record(append, index) }
        }
        return .success(
            append.slots.map { slot in
                outcome(
                    of: slot, append, known: knowns[slot.index], positions[slot.index],
                    earlier: earlier)
            })
    }

    private mutating func record(_ append: PreparedAppend, _ index: Int) {
        events.append(
            RecordedEvent(
                append.events[index].content, at: next,
                partition: Int(append.partitions[index]), recordedAt: recordedAt))
        next = next.next
    }

    private func outcome(
        of slot: PreparedAppend.Slot, _ append: PreparedAppend, known: Findings.Known?,
        _ position: Position, earlier: [ClosedRange<Position>]
    ) -> AppendOutcome {
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
