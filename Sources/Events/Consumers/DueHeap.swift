/// Moments at which somebody must look at a piece of work. What was put in stays until its moment,
/// also when it no longer counts: whoever takes it out looks. Of one moment, the first position
/// comes first.
struct DueHeap {
    struct Entry: Comparable {
        let time: Duration
        let position: Position

        static func < (one: Entry, other: Entry) -> Bool {
            (one.time, one.position) < (other.time, other.position)
        }
    }

    private var entries: [Entry] = []

    var first: Duration? { entries.first?.time }
    var count: Int { entries.count }

    mutating func insert(_ position: Position, at time: Duration) {
        entries.append(Entry(time: time, position: position))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest one, if its moment has come.
    mutating func popDue(now: Duration) -> Position? {
        guard let first = entries.first, first.time <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first.position }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child] < entries[least] { least = child }
            }
            guard least != parent else { return first.position }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
