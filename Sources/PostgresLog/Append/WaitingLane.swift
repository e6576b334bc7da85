import Events

/// What waits of one account, in the order in which it came.
struct WaitingLane {
    private(set) var account: TenantID
    /// It stands in the ring, perhaps with nothing left.
    var isInRing = false
    private(set) var events = 0
    private(set) var bytes = 0
    /// What it may take of the batch that is being filled, in units of ``cost(_:)``.
    var credit = 0
    /// The batch in which nothing more of it may travel.
    var closedIn: UInt64 = 0

    /// One request; what was taken out from the middle leaves its place.
    private struct Place {
        let ticket: UInt64
        var entry: BatchQueue.Entry?
    }

    /// `places[..<start]` are gone. `places[start]`, if there is one, holds an entry.
    private var places: [Place] = []
    private var start = 0

    init(account: TenantID) {
        self.account = account
    }

    /// Makes a lane that is empty and out of the ring another account's. It keeps its memory.
    mutating func serve(_ account: TenantID) {
        self.account = account
        credit = 0
        closedIn = 0
        if places.capacity > 1_024 { places = [] }
    }

    var isEmpty: Bool { start == places.count }
    var first: BatchQueue.Entry? { isEmpty ? nil : places[start].entry }

    /// What a request takes from its lane's credit: an event, or 4 KiB, are one unit.
    static func cost(_ append: PreparedAppend) -> Int {
        append.events.count + append.byteCount / 4_096
    }

    mutating func append(_ entry: BatchQueue.Entry) {
        count(entry, 1)
        places.append(Place(ticket: entry.ticket, entry: entry))
    }

    mutating func popFirst() -> BatchQueue.Entry? {
        guard let entry = first else { return nil }
        places[start].entry = nil
        count(entry, -1)
        skipGaps()
        return entry
    }

    mutating func putBack(_ entries: [BatchQueue.Entry]) {
        for entry in entries { count(entry, 1) }
        places.replaceSubrange(
            ..<start, with: entries.map { Place(ticket: $0.ticket, entry: $0) })
        start = 0
    }

    /// Takes a request out; nil when it is not here.
    mutating func remove(_ ticket: UInt64) -> BatchQueue.Entry? {
        guard let index = index(of: ticket), let entry = places[index].entry else { return nil }
        places[index].entry = nil
        count(entry, -1)
        skipGaps()
        return entry
    }

    mutating func removeAll(where matches: (BatchQueue.Entry) -> Bool) -> [BatchQueue.Entry] {
        var removed: [BatchQueue.Entry] = []
        for index in start..<places.count {
            guard let entry = places[index].entry, matches(entry) else { continue }
            places[index].entry = nil
            count(entry, -1)
            removed.append(entry)
        }
        skipGaps()
        return removed
    }

    /// Tickets come in order, but for those of two threads that came at the same moment.
    private func index(of ticket: UInt64) -> Int? {
        var low = start
        var high = places.count
        while low < high {
            let middle = low + (high - low) / 2
            if places[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        if low < places.count, places[low].ticket == ticket { return low }
        return places[start...].firstIndex { $0.ticket == ticket }
    }

    private mutating func skipGaps() {
        while start < places.count, places[start].entry == nil { start += 1 }
        if start == places.count {
            places.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1_024, start * 2 > places.count {
            places.removeSubrange(..<start)
            start = 0
        }
    }

    private mutating func count(_ entry: BatchQueue.Entry, _ sign: Int) {
        events += sign * entry.append.events.count
        bytes += sign * entry.append.byteCount
    }
}
