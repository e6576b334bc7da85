/// Who gets which connection of a pool.
///
/// A connection is shared by any number of single statements, or lent to one caller alone. Who asks
/// for it alone when every connection is in use reserves one: it takes nobody new, and is lent when
/// its statements are done. Waiting callers are served in order.
struct PoolStateMachine {
    enum Use: Equatable, Sendable { case shared, alone }

    enum Acquired: Equatable {
        case use(connection: Int)
        case wait
        /// Too many wait already, or the pool has ended.
        case refused
    }

    struct Grant: Equatable {
        let waiter: Int
        let connection: Int
    }

    private struct Slot {
        var users = 0
        var isLent = false
        var reservedFor: Int?
        /// Callers that left before the server had answered them.
        var abandoned = 0
    }

    private struct Waiting {
        let id: Int
        let use: Use
        let since: ContinuousClock.Instant
    }

    let size: Int
    let minimum: Int
    let maxWaiting: Int
    private var slots: [Int: Slot] = [:]
    /// Attempts under way, or asked for.
    private(set) var connecting = 0
    private var waiting: [Waiting] = []
    private(set) var hasEnded = false

    init(size: Int, minimum: Int, maxWaiting: Int) {
        precondition(size > 0 && (0...size).contains(minimum))
        self.size = size
        self.minimum = minimum
        self.maxWaiting = maxWaiting
    }

    var open: Int { slots.count }
    var waiters: Int { waiting.count }

    // MARK: Callers

    /// A connection that can be had without waiting. It is taken then.
    mutating func acquireAtOnce(_ use: Use) -> Int? {
        guard !hasEnded, let connection = candidate(use, for: 0) else { return nil }
        take(connection, use, for: 0)
        return connection
    }

    /// - Parameter waiter: From 1; names the caller.
    mutating func acquire(
        _ use: Use, waiter: Int, now: ContinuousClock.Instant
    ) -> Acquired {
        if hasEnded { return .refused }
        if let connection = candidate(use, for: waiter) {
            take(connection, use, for: waiter)
            return .use(connection: connection)
        }
        guard waiting.count < maxWaiting else { return .refused }
        waiting.append(Waiting(id: waiter, use: use, since: now))
        reserve()
        return .wait
    }

    mutating func release(_ connection: Int, _ use: Use) -> [Grant] {
        // Gone when it was lost meanwhile.
        guard slots[connection] != nil else { return [] }
        switch use {
        case .shared: slots[connection]?.users -= 1
        case .alone: slots[connection]?.isLent = false
        }
        return serve()
    }

    /// A caller that has a connection leaves; it releases it once the server has answered. Until then
    /// nobody else is sent there, who would wait behind what nobody wants any more.
    mutating func abandon(_ connection: Int) {
        slots[connection]?.abandoned += 1
    }

    /// The server has answered who had abandoned the connection.
    mutating func releaseAbandoned(_ connection: Int, _ use: Use) -> [Grant] {
        slots[connection]?.abandoned -= 1
        return release(connection, use)
    }

    /// - Returns: Whether it waited still.
    mutating func cancel(waiter: Int) -> (wasWaiting: Bool, grants: [Grant]) {
        guard let index = waiting.firstIndex(where: { $0.id == waiter }) else {
            return (false, [])
        }
        waiting.remove(at: index)
        giveUpReservation(of: waiter)
        return (true, serve())
    }

    // MARK: Connections

    /// How many attempts to start now. They count as under way from here on.
    mutating func wanted() -> Int {
        guard !hasEnded else { return 0 }
        // One for each who waits, one when all are busy, and the minimum.
        let isBusy = !slots.isEmpty && slots.values.allSatisfy { $0.users > 0 || $0.isLent }
        let useful = max(minimum - slots.count, waiting.count, isBusy ? 1 : 0)
        let count = min(size - slots.count - connecting, useful - connecting)
        guard count > 0 else { return 0 }
        connecting += count
        return count
    }

    mutating func connected(_ connection: Int) -> [Grant] {
        connecting -= 1
        slots[connection] = Slot()
        return serve()
    }

    /// An attempt was given up.
    mutating func abandoned() { connecting -= 1 }

    /// An attempt failed, and another will follow.
    ///
    /// - Parameter limit: Who waited longer is told; nil for everyone.
    /// - Returns: Who has nothing to wait for.
    mutating func failed(
        now: ContinuousClock.Instant, limit: Duration?
    ) -> [Int] {
        guard slots.isEmpty else { return [] }
        let due = waiting.filter { waiter in
            guard let limit else { return true }
            return now - waiter.since >= limit
        }
        waiting.removeAll { waiter in due.contains { $0.id == waiter.id } }
        return due.map(\.id)
    }

    /// Whether an attempt is still of use.
    var needsConnection: Bool {
        !hasEnded && (!waiting.isEmpty || slots.count < max(minimum, 1))
    }

    mutating func lost(_ connection: Int) -> [Grant] {
        slots[connection] = nil
        reserve()
        return serve()
    }

    /// - Returns: Everyone who waits.
    mutating func end() -> [Int] {
        hasEnded = true
        defer { waiting = [] }
        return waiting.map(\.id)
    }

    // MARK: Choosing

    private func candidate(_ use: Use, for waiter: Int) -> Int? {
        var best: (id: Int, users: Int)?
        for (id, slot) in slots where !slot.isLent && slot.abandoned == 0 {
            if let owner = slot.reservedFor, owner != waiter { continue }
            if use == .alone && slot.users > 0 { continue }
            if let best, (best.users, best.id) < (slot.users, id) { continue }
            best = (id, slot.users)
        }
        return best?.id
    }

    /// - Returns: Whether a connection that was set aside for the caller is free for others now.
    @discardableResult
    private mutating func take(_ connection: Int, _ use: Use, for waiter: Int) -> Bool {
        let reserved = giveUpReservation(of: waiter)
        switch use {
        case .shared: slots[connection]?.users += 1
        case .alone: slots[connection]?.isLent = true
        }
        return reserved.map { $0 != connection } ?? false
    }

    /// - Returns: The connection that was set aside for the caller.
    @discardableResult
    private mutating func giveUpReservation(of waiter: Int) -> Int? {
        guard let slot = slots.first(where: { $0.value.reservedFor == waiter }) else { return nil }
        slots[slot.key]?.reservedFor = nil
        return slot.key
    }

    /// Sets a connection aside for each who wants one alone, when no more can be opened.
    private mutating func reserve() {
        guard slots.count + connecting >= size else { return }
        for waiter in waiting where waiter.use == .alone {
            if slots.values.contains(where: { $0.reservedFor == waiter.id }) { continue }
            let free = slots.filter { !$0.value.isLent && $0.value.reservedFor == nil }
            guard let least = free.min(by: { ($0.value.users, $0.key) < ($1.value.users, $1.key) })
            else { return }
            slots[least.key]?.reservedFor = waiter.id
        }
    }

    /// Serves who can be served, in order; who wants a connection alone does not hold up sharers.
    private mutating func serve() -> [Grant] {
        var grants: [Grant] = []
        var mayServeMore = true
        while mayServeMore {
            mayServeMore = false
            var left: [Waiting] = []
            for waiter in waiting {
                guard let connection = candidate(waiter.use, for: waiter.id) else {
                    left.append(waiter)
                    continue
                }
                // What it had set aside may be what an earlier one waits for.
                if take(connection, waiter.use, for: waiter.id) { mayServeMore = true }
                grants.append(Grant(waiter: waiter.id, connection: connection))
            }
            waiting = left
            if mayServeMore { reserve() }
        }
        return grants
    }
}
