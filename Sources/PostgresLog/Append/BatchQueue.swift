import Events
import Postgres
import Telemetry

/// Decides which waiting requests travel together.
///
/// What waits goes as soon as the connection is free; no timer makes anyone wait for company. A
/// second batch goes after the first before that is answered only when it is full, so that few
/// requests share one flush rather than take two.
///
/// Each account has a lane, in which the order of the requests is kept. A batch is filled from the
/// lanes in turn by deficit round robin (Shreedhar and Varghese, 1996), so that one account's burst
/// leaves the others their part of every batch. Of the room for waiting requests an account gets
/// four times what stays free at most: one alone has four fifths, and who comes next finds room.
///
/// A batch is checked as one, so a lane gives nothing more to it from a request on whose answer
/// hangs on an earlier one of the same batch: an id in both, or a precondition on a subject that
/// the earlier one writes to.
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
        /// When it stops waiting for a store that is away; nil: it came while the store was there.
        var deadline: MonotonicTime?
        /// Failed in company: travels alone now, so that only the culprit fails again.
        var isAlone = false
    }

    /// Why a request may not wait.
    enum Refusal: Equatable {
        /// Too much waits already.
        case full
        /// Too much of this account waits.
        case share
    }

    /// How many times what stays free an account may have waiting.
    private static let shareOfFree = 4

    let limits: Limits
    /// Credit that a lane gets at each of its turns.
    private let quantum: Int
    private(set) var waitingEvents = 0
    private(set) var waitingBytes = 0
    private(set) var inFlight = 0

    private var lanes: [WaitingLane] = []
    private var laneOf: [TenantID: Int] = [:]
    private var freeLanes: [Int] = []
    /// Lanes in the order of their turns. Those emptied by cancellations may still stand here.
    private var ring = Fifo<Int>()
    private var emptyInRing = 0
    /// The first lane's turn began in an earlier batch.
    private var isMidTurn = false
    private var batches: UInt64 = 0

    init(limits: Limits) {
        self.limits = limits
        quantum = max(1, limits.maxBatchEvents / 20)
    }

    var isEmpty: Bool { ring.count == emptyInRing }

    /// - Returns: Nil when the request waits now.
    mutating func add(_ entry: Entry) -> Refusal? {
        let known = laneOf[entry.append.account]
        if let refusal = refusal(of: entry.append, known) { return refusal }
        let lane = known ?? makeLane(of: entry.append.account)
        change(lane) { $0.append(entry) }
        return nil
    }

    private func refusal(of append: PreparedAppend, _ lane: Int?) -> Refusal? {
        if isEmpty { return nil }
        let events = limits.maxWaitingEvents - waitingEvents - append.events.count
        let bytes = limits.maxWaitingBytes - waitingBytes - append.byteCount
        let isFull = events < 0 || bytes < 0
        guard let lane, !lanes[lane].isEmpty else { return isFull ? .full : nil }
        let held = (events: lanes[lane].events, bytes: lanes[lane].bytes)
        if isFull {
            let others = ring.count - emptyInRing
            let isGreedy =
                held.events > limits.maxWaitingEvents / others
                || held.bytes > limits.maxWaitingBytes / others
            return isGreedy ? .share : .full
        }
        let isOver =
            held.events + append.events.count > Self.shareOfFree * events
            || held.bytes + append.byteCount > Self.shareOfFree * bytes
        return isOver ? .share : nil
    }

    /// Takes a request out; false when it is not waiting.
    mutating func remove(_ ticket: UInt64, of account: TenantID) -> Bool {
        guard let lane = laneOf[account] else { return false }
        var removed = false
        change(lane) { removed = $0.remove(ticket) != nil }
        if emptyInRing > 64, emptyInRing > ring.count / 2 { retireEmptyLanes() }
        return removed
    }

    /// Takes those out that match.
    mutating func removeAll(where matches: (Entry) -> Bool) -> [Entry] {
        var removed: [Entry] = []
        for lane in laneOf.values { change(lane) { removed += $0.removeAll(where: matches) } }
        retireEmptyLanes()
        return removed
    }

    /// Puts requests back to where they came from: the front of their lanes.
    mutating func giveBack(_ returned: [Entry]) {
        for (account, entries) in Dictionary(grouping: returned, by: \.append.account) {
            change(laneOf[account] ?? makeLane(of: account)) { $0.putBack(entries) }
        }
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
        batches += 1
        var batch = FillingBatch(limits: limits)
        var closed = 0
        while !batch.isFull, closed < ring.count, let lane = ring.first {
            if lanes[lane].closedIn != batches {
                if !isMidTurn { lanes[lane].credit += quantum }
                isMidTurn = false
                if !takeTurn(lane, &batch) {
                    lanes[lane].closedIn = batches
                    closed += 1
                }
            }
            if batch.isFull, !lanes[lane].isEmpty {
                isMidTurn = true
                break
            }
            _ = ring.popFirst()
            if lanes[lane].isEmpty { retire(lane) } else { ring.append(lane) }
        }
        guard !batch.entries.isEmpty else { return nil }
        inFlight += 1
        return batch.entries
    }

    /// Moves what the lane's credit allows.
    ///
    /// - Returns: False when nothing more of the lane may travel in this batch.
    private mutating func takeTurn(_ lane: Int, _ batch: inout FillingBatch) -> Bool {
        while !batch.isFull, let entry = lanes[lane].first {
            let cost = WaitingLane.cost(entry.append)
            // Credit is for sharing: who is alone needs none.
            if ring.count > 1, cost > lanes[lane].credit { return true }
            guard batch.takes(entry) else { return batch.isFull }
            lanes[lane].credit = max(0, lanes[lane].credit - cost)
            change(lane) { _ = $0.popFirst() }
            batch.add(entry)
        }
        return true
    }

    /// The batch was answered, or failed.
    mutating func batchEnded() {
        inFlight -= 1
    }

    // MARK: Lanes

    private mutating func makeLane(of account: TenantID) -> Int {
        let lane = freeLanes.popLast() ?? lanes.count
        if lane == lanes.count {
            lanes.append(WaitingLane(account: account))
        } else {
            lanes[lane].serve(account)
        }
        laneOf[account] = lane
        return lane
    }

    /// Changes what a lane holds, and keeps the books of it.
    private mutating func change(_ lane: Int, _ change: (inout WaitingLane) -> Void) {
        let before = (lanes[lane].events, lanes[lane].bytes, lanes[lane].isEmpty)
        change(&lanes[lane])
        waitingEvents += lanes[lane].events - before.0
        waitingBytes += lanes[lane].bytes - before.1
        if !lanes[lane].isInRing {
            guard !lanes[lane].isEmpty else { return }
            lanes[lane].isInRing = true
            ring.append(lane)
        } else if before.2 != lanes[lane].isEmpty {
            emptyInRing += lanes[lane].isEmpty ? 1 : -1
        }
    }

    /// For a lane that was taken out of the ring. Its credit ends: who comes and goes gains nothing.
    private mutating func retire(_ lane: Int) {
        emptyInRing -= 1
        lanes[lane].isInRing = false
        laneOf[lanes[lane].account] = nil
        freeLanes.append(lane)
    }

    private mutating func retireEmptyLanes() {
        if let first = ring.first, lanes[first].isEmpty { isMidTurn = false }
        for _ in 0..<ring.count {
            guard let lane = ring.popFirst() else { return }
            if lanes[lane].isEmpty { retire(lane) } else { ring.append(lane) }
        }
    }
}
