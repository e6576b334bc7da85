import Events
import Postgres

/// Decides which waiting requests travel together.
///
/// What waits goes as soon as the connection is free; no timer makes anyone wait for company. A
/// second batch goes after the first before that is answered only when it is full, so that few
/// requests share one flush rather than take two. The order of the requests is kept.
///
/// A batch is checked as one, so it ends before a request whose answer hangs on an earlier one of
/// the same batch: an id in both, or a precondition on a subject that the earlier one writes to.
struct BatchQueue {
    struct Limits: Sendable {
        var maxBatchEvents = 1_000
        var maxBatchBytes = 4 << 20
        var maxWaitingEvents = 50_000
        var maxWaitingBytes = 64 << 20
        /// Batches on their way at one time.
        var maxInFlight = 2

        init() {}
    }

    struct Entry: Sendable {
        let ticket: UInt64
        let append: PreparedAppend
        /// Failed in company: travels alone now, so that only the culprit fails again.
        var isAlone = false
    }

    let limits: Limits
    private(set) var waitingEvents = 0
    private(set) var waitingBytes = 0
    private(set) var inFlight = 0
    /// `entries[..<start]` are gone.
    private var entries: [Entry?] = []
    private var start = 0

    init(limits: Limits) {
        self.limits = limits
    }

    var isEmpty: Bool { waitingEvents == 0 }

    /// False when too much waits already.
    mutating func add(_ entry: Entry) -> Bool {
        let append = entry.append
        guard
            isEmpty
                || waitingEvents + append.events.count <= limits.maxWaitingEvents
                    && waitingBytes + append.byteCount <= limits.maxWaitingBytes
        else { return false }
        count(append, 1)
        entries.append(entry)
        return true
    }

    /// Takes a request out; false when it is not waiting.
    mutating func remove(_ ticket: UInt64) -> Bool {
        guard let index = entries[start...].firstIndex(where: { $0?.ticket == ticket }),
            let entry = entries[index]
        else { return false }
        count(entry.append, -1)
        entries[index] = nil
        return true
    }

    /// Puts requests back to where they came from: the front.
    mutating func giveBack(_ returned: [Entry]) {
        for entry in returned { count(entry.append, 1) }
        entries.replaceSubrange(..<start, with: returned.map(Optional.some))
        start = 0
    }

    /// Empties the queue.
    mutating func removeAll() -> [Entry] {
        let all = entries[start...].compactMap { $0 }
        entries = []
        start = 0
        waitingEvents = 0
        waitingBytes = 0
        return all
    }

    /// Whether a batch is to be sent now.
    var isReady: Bool {
        guard !isEmpty, inFlight < limits.maxInFlight else { return false }
        return inFlight == 0 || waitingEvents >= limits.maxBatchEvents
            || waitingBytes >= limits.maxBatchBytes
    }

    /// The next batch to send now, if one is to be sent.
    mutating func next() -> [Entry]? {
        guard isReady else { return nil }
        var batch: [Entry] = []
        var events = 0
        var bytes = 0
        var ids: Set<PreparedAppend.Key> = []
        while start < entries.count {
            guard let entry = entries[start] else {
                start += 1
                continue
            }
            let append = entry.append
            if !batch.isEmpty {
                guard !entry.isAlone, events + append.events.count <= limits.maxBatchEvents,
                    bytes + append.byteCount <= limits.maxBatchBytes,
                    !hangs(append, on: batch, ids: ids)
                else { break }
            }
            entries[start] = nil
            start += 1
            batch.append(entry)
            events += append.events.count
            bytes += append.byteCount
            count(append, -1)
            if entry.isAlone { break }
            ids.formUnion(append.chosenKeys)
        }
        if start == entries.count {
            entries.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1_024, start * 2 > entries.count {
            entries.removeSubrange(..<start)
            start = 0
        }
        guard !batch.isEmpty else { return nil }
        inFlight += 1
        return batch
    }

    /// The batch was answered, or failed.
    mutating func batchEnded() {
        inFlight -= 1
    }

    private func hangs(
        _ append: PreparedAppend, on batch: [Entry], ids: Set<PreparedAppend.Key>
    ) -> Bool {
        if !ids.isEmpty, append.chosenKeys.contains(where: ids.contains) { return true }
        guard let held = append.held else { return false }
        return batch.contains { entry in entry.append.subjectKeys.contains(held.key) }
    }

    private mutating func count(_ append: PreparedAppend, _ sign: Int) {
        waitingEvents += sign * append.events.count
        waitingBytes += sign * append.byteCount
    }
}
