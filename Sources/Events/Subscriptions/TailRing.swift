/// The newest stretch of the log in memory: adjacent events, bounded in count and bytes.
///
/// Three numbers tell everything. `floor` is the position before the first event held: a reader
/// that is at the floor or later can go on from here, one below it reads the log. `head` is the
/// last event held. `known` is the newest position heard of; while it is above the head, somebody
/// has to read the log after the head. All of it is of one epoch of the log; in another one the
/// ring begins anew, empty.
///
/// Events come in chunks (a commit, a page), kept whole, so that a reader takes references to a
/// few arrays under the lock and filters them outside of it.
struct TailRing {
    struct Limits: Sendable, Hashable {
        var maxEvents = 16_384
        var maxBytes = 32 << 20
    }

    /// What somebody has to do so that the ring follows the log.
    enum Upkeep: Equatable {
        case read(after: Position)
        case nothing
    }

    enum Reading {
        /// Adjacent events right after the position.
        case events([ArraySlice<RecordedEvent>], through: Position)
        /// The events after the position are not held: read the log.
        case behind
        /// Nothing after the position is held; up to `known` there may be some.
        case end
    }

    private struct Chunk {
        let events: [RecordedEvent]
        let bytes: Int

        var last: Position { events[events.count - 1].position }
    }

    private(set) var floor: Position = .zero
    private(set) var head: Position = .zero
    private(set) var known: Position = .zero
    private(set) var history = LogHistory()
    private(set) var isPrimed = false
    /// Whether it knows where it is in which history.
    var isFollowing: Bool { isPrimed && history.epoch != nil }
    private(set) var eventCount = 0
    private(set) var byteCount = 0

    private let limits: Limits
    private var chunks: [Chunk] = []
    /// Index of the first chunk that still counts.
    private var start = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Hears where the log stands. In another epoch all that was held or known is forgotten, and
    /// the ring begins at the head.
    mutating func reached(_ bounds: LogBounds) -> LogHistory.Verdict {
        let verdict = history.learn(bounds)
        switch verdict {
        case .same: known = max(known, bounds.head)
        case .stale: break
        case .changed:
            clear(at: bounds.head)
            known = bounds.head
        }
        return verdict
    }

    /// Begins, empty, at a head that was just asked of the log; also after the log went past.
    mutating func prime(at bounds: LogBounds) -> LogHistory.Verdict {
        let verdict = reached(bounds)
        if verdict == .same, !isPrimed || bounds.head > head { clear(at: bounds.head) }
        return verdict
    }

    /// Takes a page that was read after the head.
    ///
    /// - Parameter asked: What was known when the page was asked for: where the log says that it
    ///   holds less, a hint was of another history.
    /// - Returns: False when the page is of another epoch; nothing was taken then.
    mutating func take(_ page: EventPage, asked: Position) -> Bool {
        guard page.epoch == history.epoch else { return false }
        _ = append(page.events)
        if known == asked { known = max(page.head, head) } else { heard(of: page.head) }
        return true
    }

    /// Takes adjacent events, from a commit or a page; what is held already is dropped, what lies
    /// beyond a gap is only heard of.
    ///
    /// - Returns: Whether the head moved.
    mutating func append(_ events: [RecordedEvent]) -> Bool {
        guard let first = events.first?.position, let last = events.last?.position else {
            return false
        }
        known = max(known, last)
        if !isPrimed { clear(at: first.previous) }
        guard first <= head.next, last > head else { return false }
        let fresh = first == head.next ? events : Array(events.drop { $0.position <= head })
        let bytes = fresh.reduce(0) { $0 + $1.footprint }
        chunks.append(Chunk(events: fresh, bytes: bytes))
        eventCount += fresh.count
        byteCount += bytes
        head = last
        evict()
        return true
    }

    mutating func heard(of position: Position) {
        known = max(known, position)
    }

    /// What to do next. Far behind, the ring lets go of the stretch in between: whoever needs it
    /// reads the log.
    mutating func upkeep() -> Upkeep {
        guard isPrimed, known > head else { return .nothing }
        let missing = known.rawValue - head.rawValue
        if missing > UInt64(limits.maxEvents) {
            clear(at: Position(known.rawValue - UInt64(limits.maxEvents / 4)))
        }
        return .read(after: head)
    }

    /// - Parameter scanning: Most events to hand out, rounded up to whole chunks' ends.
    func read(after position: Position, scanning: Int) -> Reading {
        guard isPrimed, position >= floor else { return .behind }
        guard position < head else { return .end }
        var index = firstChunk(reachingBeyond: position)
        var slices: [ArraySlice<RecordedEvent>] = []
        var left = scanning
        var through = position
        while index < chunks.count, left > 0 {
            let events = chunks[index].events
            // Positions are dense: the offset is arithmetic.
            let skipped = Int(through.rawValue + 1 - events[0].position.rawValue)
            let slice = events[skipped..<min(events.count, skipped + left)]
            slices.append(slice)
            left -= slice.count
            through = through.advanced(by: slice.count)
            index += 1
        }
        return .events(slices, through: through)
    }

    private func firstChunk(reachingBeyond position: Position) -> Int {
        var low = start
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].last > position { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func clear(at position: Position) {
        chunks.removeAll()
        start = 0
        eventCount = 0
        byteCount = 0
        floor = position
        head = position
        isPrimed = true
    }

    private mutating func evict() {
        while eventCount > limits.maxEvents || byteCount > limits.maxBytes,
            chunks.count - start > 1
        {
            let oldest = chunks[start]
            chunks[start] = Chunk(events: [], bytes: 0)
            start += 1
            eventCount -= oldest.events.count
            byteCount -= oldest.bytes
            floor = oldest.last
        }
        if start > 64, start > chunks.count / 2 {
            chunks.removeFirst(start)
            start = 0
        }
    }
}
