/// How many dead letters that are to be tried again a node has room for.
public struct RevivalRoom: Sendable, Equatable {
    public let count: Int
    /// Also for those that hold no key: of them nothing is known here as long as nobody hears of them.
    public let isForAll: Bool

    public static let none = RevivalRoom(count: 0, isForAll: false)

    public init(count: Int, isForAll: Bool) {
        self.count = count
        self.isForAll = isForAll
    }
}

// Dead letters that are to be tried again. However many are, no more become work than leave most of the
// room to what comes new; the others wait in the store.
extension ConsumerStateMachine {
    /// Most events that are read at one time.
    private static let revivalPage = 64

    /// What may be heard of now. Those that hold keys are work already, and others may wait for
    /// them: parked ones are not in their way.
    var revivalRoom: RevivalRoom {
        guard !members.isEmpty, !isDraining, !isPaused, !isReviving else { return .none }
        let share = max(1, capacity / 8)
        guard load.revived <= share / 2, load.revivedBytes < limits.maxBytes / 2 else {
            return .none
        }
        return RevivalRoom(
            count: min(Self.revivalPage, share - load.revived),
            isForAll: load.revivedParked < limits.maxParked / 2
                && load.revivedBytes < limits.maxBytes / 4)
    }

    /// Some were heard of, and the store does not know it yet: it would name them again.
    private var isReviving: Bool { isStoringRevivals || heeded.values.contains(.revive) }

    /// - Parameter event: Nil: retention dropped it, and it is over.
    mutating func revive(_ remark: Remark, _ event: RecordedEvent?, now: Duration) {
        let position = remark.work.position
        guard let event else {
            guard let item = items[position] else { return finish(position, in: remark.partition) }
            if item.state == .held { finish(item, .none) } else { forget(remark, on: item) }
            return
        }
        let until = remark.verdict.delay > .zero ? now + remark.verdict.delay : nil
        if items[position] == nil {
            var item = WorkItem(event, remark.work, isOrdered: rules.isOrdered)
            item.event = nil
            item.state = .held
            insert(item)
        }
        guard let item = items[position], item.state == .held else {
            return items[position].map { forget(remark, on: $0) } ?? ()
        }
        update(item.position) { item in
            item.event = event
            item.attempt = 0
            item.lost = 0
            item.ticket += 1
            item.isRevived = true
            item.revival = remark.work.revival
            item.state = .waiting(until: until)
        }
        heeded[position] = remark.verdict.action
        note(position)
        // It comes before what was not begun of its key.
        advance(item.key)
    }
}
