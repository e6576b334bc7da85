/// Who waits for events: found by what they want, so that a chunk wakes those whose filter can
/// match it and costs the others nothing.
///
/// A token is what resumes a waiter.
struct TailWaiters<Token: Sendable> {
    struct Waiter {
        /// What is held up to here has been looked at.
        let after: Position
        let epoch: UInt64
        let filter: CompiledFilter
        let deadline: Duration
        let token: Token
    }

    /// A waiter that is to be resumed, outside of any lock, and told through which position nothing
    /// matches.
    struct Due: Sendable {
        let token: Token
        let through: Position
    }

    private var waiters: [UInt64: Waiter] = [:]
    private var interested: [CompiledFilter.Interest: Set<UInt64>] = [:]
    /// No deadline is earlier.
    private var nextDeadline: Duration?

    var count: Int { waiters.count }

    mutating func add(_ id: UInt64, _ waiter: Waiter) {
        waiters[id] = waiter
        for interest in waiter.filter.interests { interested[interest, default: []].insert(id) }
        nextDeadline = min(nextDeadline ?? waiter.deadline, waiter.deadline)
    }

    mutating func remove(_ id: UInt64) -> Waiter? {
        guard let waiter = waiters.removeValue(forKey: id) else { return nil }
        for interest in waiter.filter.interests {
            interested[interest]?.remove(id)
            if interested[interest]?.isEmpty == true { interested[interest] = nil }
        }
        return waiter
    }

    /// Those whose filter can match what came to the tail's head. All that came before it while they
    /// waited did not match.
    mutating func take(interestedIn chunk: TailChunk) -> [Due] {
        guard !waiters.isEmpty else { return [] }
        var ids: Set<UInt64> = []
        for key in chunk.keys {
            for interest in key.interests {
                guard let candidates = interested[interest] else { continue }
                for id in candidates where !ids.contains(id) {
                    guard let waiter = waiters[id], waiter.after < chunk.last,
                        waiter.filter.matches(key)
                    else { continue }
                    ids.insert(id)
                }
            }
        }
        return ids.compactMap { remove($0) }.map {
            Due(token: $0.token, through: max($0.after, chunk.first.previous))
        }
    }

    /// Those whose time has come.
    mutating func take(dueAt now: Duration, head: Position) -> [Due] {
        guard let next = nextDeadline, next <= now else { return [] }
        let ids = waiters.filter { $0.value.deadline <= now }.keys
        let due = ids.compactMap { remove($0) }.map {
            Due(token: $0.token, through: max($0.after, head))
        }
        nextDeadline = waiters.values.lazy.map(\.deadline).min()
        return due
    }

    /// Everyone. They have to look for themselves how far they are.
    mutating func takeAll() -> [Due] {
        defer { self = TailWaiters() }
        return waiters.values.map { Due(token: $0.token, through: $0.after) }
    }
}
