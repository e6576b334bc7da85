/// The newest stretch of the log in memory: adjacent events, bounded in count and bytes.
///
/// Three numbers tell everything. `floor` is the position before the first event held: a reader
/// that is at the floor or later can go on from here, one below it reads the log. `head` is the
/// last event held. `known` is the newest position heard of; while it is above the head, somebody
/// has to read the log after the head. All of it is of one epoch of the log; in another one the
/// ring begins anew, empty.
///
/// Events come in chunks (a commit, a page), kept whole, so that a reader takes references to a
/// few of them under the lock and filters them outside of it.
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
        case events([Slice], through: Position)
        /// The events after the position are not held: read the log.
        case behind
        /// Nothing after the position is held; up to `known` there may be some.
        case end
    }

    /// Part of a chunk.
    struct Slice {
        let chunk: TailChunk
        let range: Range<Int>
    }

    private struct Held {
        let chunk: TailChunk
        /// Of its events, and of their wire form where that was needed.
        var bytes: Int
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
    private var chunks: [Held?] = []
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
    /// - Returns: What came to the head; nil when it did not move.
    /// - Throws: ``OtherHistory`` when the page is of another epoch; nothing was taken then.
    mutating func take(
        _ page: EventPage, asked: Position
    ) throws(OtherHistory) -> TailChunk? {
        guard page.epoch == history.epoch else { throw OtherHistory() }
        let chunk = append(page.events)
        if known == asked { known = max(page.head, head) } else { heard(of: page.head) }
        return chunk
    }

    struct OtherHistory: Error {}

    /// Takes adjacent events, from a commit or a page; what is held already is dropped, what lies
    /// beyond a gap is only heard of.
    ///
    /// - Returns: What came to the head; nil when it did not move.
    mutating func append(_ events: [RecordedEvent]) -> TailChunk? {
        guard let first = events.first?.position, let last = events.last?.position else {
            return nil
        }
        known = max(known, last)
        if !isPrimed { clear(at: first.previous) }
        guard first <= head.next, last > head else { return nil }
        let fresh = first == head.next ? events : Array(events.drop { $0.position <= head })
        let chunk = TailChunk(fresh)
        chunks.append(Held(chunk: chunk, bytes: chunk.bytes))
        eventCount += fresh.count
        byteCount += chunk.bytes
        head = last
        evict()
        return chunk
    }

    /// A chunk takes so many bytes more than it did.
    mutating func charge(_ chunk: TailChunk, _ bytes: Int) {
        let index = firstChunk(reachingBeyond: chunk.first.previous)
        guard index < chunks.count, chunks[index]?.chunk === chunk else { return }
        chunks[index]?.bytes += bytes
        byteCount += bytes
        evict()
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
        var slices: [Slice] = []
        var left = scanning
        var through = position
        while index < chunks.count, left > 0, let chunk = chunks[index]?.chunk {
            // Positions are dense: the offset is arithmetic.
            let skipped = Int(through.rawValue + 1 - chunk.first.rawValue)
            let range = skipped..<min(chunk.events.count, skipped + left)
            slices.append(Slice(chunk: chunk, range: range))
            left -= range.count
            through = through.advanced(by: range.count)
            index += 1
        }
        return .events(slices, through: through)
    }

    private func firstChunk(reachingBeyond position: Position) -> Int {
        var low = start
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            let last = chunks[middle]?.chunk.last ?? floor
            if last > position { high = middle } else { low = middle + 1 }
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
            chunks.count - start > 1, let oldest = chunks[start]
        {
            chunks[start] = nil
            start += 1
            eventCount -= oldest.chunk.events.count
            byteCount -= oldest.bytes
            floor = oldest.chunk.last
        }
        if start > 64, start > chunks.count / 2 {
            chunks.removeFirst(start)
            start = 0
        }
    }
}
