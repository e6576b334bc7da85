// How much goes into a batch.
extension ConsumerEngine {
    /// Waits until what comes close together is together. Much of it waits for nothing: behind it
    /// there is more, and its transaction is shared by many as it is.
    func gather() async throws {
        guard definition.gathering > .zero, ackWaiters.isEmpty else { return }
        let next = lastBatchAt + definition.gathering
        if !isCrowd, next > time.now() { try await time.sleep(next) }
        let latest = lastBatchAt + definition.gathering * Self.patience
        while hasStock, ackWaiters.isEmpty, !isCrowd, time.now() < latest {
            let before = machine.finished.count
            try await time.sleep(for: definition.gathering)
            guard machine.finished.count - before >= Self.quick else { return }
        }
    }

    /// - Returns: What is to be stored next; nil when nothing is.
    func takeBatch() -> ConsumerBatch? {
        defer { tellOfRoom() }
        return machine.takeBatch(now: time.now())
    }

    /// A batch of so many changes is worth a transaction.
    private var isCrowd: Bool {
        machine.changed.count >= Self.crowd || machine.finished.count >= Self.crowd
    }

    /// Members here were handed enough to go on with.
    private var hasStock: Bool {
        !workers.isEmpty
            && workers.allSatisfy { member, worker in
                let inFlight = machine.members[member]?.inFlight ?? 0
                return inFlight - worker.running.count >= worker.ahead / 2
            }
    }

    /// Members here are handed no more than ends soon: should the node be lost, all of it counts as
    /// begun. The rest waits in its line, where who has little goes first.
    func limitStock() {
        for (member, worker) in workers {
            let ended = workers[member]?.ended.look() ?? 0
            let ahead = min(worker.window, max(2 * worker.concurrency, Self.ticksAhead * ended))
            guard ahead != worker.ahead else { continue }
            workers[member]?.ahead = ahead
            if worker.allowed == worker.concurrency { machine.limit(member, to: ahead) }
        }
    }

    /// What ends in so many ticks is handed out ahead.
    private static let ticksAhead = 4

    private static let crowd = 512
    /// Runs of which so many end while a batch gathers end quickly: the next one waits for more.
    private static let quick = 32
    /// So many times as long as it gathers otherwise.
    private static let patience = 2
}
