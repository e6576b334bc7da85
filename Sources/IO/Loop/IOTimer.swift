/// Something due at a later time on one loop. Used on the loop's thread alone.
public final class IOTimer {
    /// Monotonic nanoseconds.
    let due: UInt64
    /// Where it stands in the heap; -1 when it is in none.
    var index = -1
    private let loop: IOLoop
    private var action: (() -> Void)?

    init(due: UInt64, loop: IOLoop, action: @escaping () -> Void) {
        self.due = due
        self.loop = loop
        self.action = action
    }

    /// Does nothing when it has fired or was cancelled.
    public func cancel() {
        action = nil
        loop.timers.remove(self)
    }

    func fire() {
        let action = action
        self.action = nil
        action?()
    }
}

/// Timers by due time: a binary heap in which each timer knows its place, so that the usual case, a
/// deadline that is cancelled, costs no search.
struct TimerHeap {
    private var timers: ContiguousArray<IOTimer> = []

    var isEmpty: Bool { timers.isEmpty }
    /// The earliest due time.
    var next: UInt64? { timers.first?.due }

    mutating func insert(_ timer: IOTimer) {
        timer.index = timers.count
        timers.append(timer)
        rise(timer.index)
    }

    mutating func remove(_ timer: IOTimer) {
        let index = timer.index
        guard index >= 0 else { return }
        timer.index = -1
        let last = timers.removeLast()
        guard last !== timer else { return }
        timers[index] = last
        last.index = index
        rise(index)
        sink(last.index)
    }

    /// Every timer, none of which is in the heap any more.
    mutating func takeAll() -> ContiguousArray<IOTimer> {
        for timer in timers { timer.index = -1 }
        defer { timers = [] }
        return timers
    }

    /// The earliest timer, when it is due.
    mutating func popDue(at now: UInt64) -> IOTimer? {
        guard let first = timers.first, first.due <= now else { return nil }
        remove(first)
        return first
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard timers[index].due < timers[parent].due else { return }
            exchange(index, parent)
            index = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < timers.count && timers[child].due < timers[least].due {
                least = child
            }
            guard least != index else { return }
            exchange(index, least)
            index = least
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        timers.swapAt(a, b)
        timers[a].index = a
        timers[b].index = b
    }
}
