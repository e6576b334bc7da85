/// A batch that is being filled.
struct FillingBatch {
    let limits: BatchQueue.Limits
    private(set) var entries: [BatchQueue.Entry] = []
    private(set) var isFull = false
    private var events = 0
    private var bytes = 0
    /// Chosen by clients: a batch must not hold one twice.
    private var ids: Set<PreparedAppend.Key> = []

    init(limits: BatchQueue.Limits) {
        self.limits = limits
    }

    /// Whether the request may join. One that no longer fits makes the batch full.
    mutating func takes(_ entry: BatchQueue.Entry) -> Bool {
        guard !entries.isEmpty else { return true }
        if entry.isAlone || hangs(entry.append) { return false }
        isFull =
            events + entry.append.events.count > limits.maxBatchEvents
            || bytes + entry.append.byteCount > limits.maxBatchBytes
        return !isFull
    }

    mutating func add(_ entry: BatchQueue.Entry) {
        entries.append(entry)
        events += entry.append.events.count
        bytes += entry.append.byteCount
        if entry.append.hasChosenIDs { ids.formUnion(entry.append.chosenKeys) }
        isFull =
            entry.isAlone || events >= limits.maxBatchEvents || bytes >= limits.maxBatchBytes
    }

    private func hangs(_ append: PreparedAppend) -> Bool {
        if !ids.isEmpty, append.hasChosenIDs, append.chosenKeys.contains(where: ids.contains) {
            return true
        }
        guard let held = append.held else { return false }
        return entries.contains { $0.append.subjectKeys.contains(held.key) }
    }
}
