@testable import Events

// What holds at any time.
extension ConsumerStateMachine {
    /// Where two parts of the state contradict each other; nil when they do not.
    var inconsistency: String? { miscount ?? faultOfLine }

    private var miscount: String? {
        var load = WorkLoad()
        for item in items.values { load.count(item, 1) }
        if load != self.load { return "the load was miscounted" }
        for (id, member) in members {
            if member.inFlight > member.maxInFlight { return "a member had too much" }
            let own = items.values.count { item in
                switch item.state {
                case .storing(let member): member == id
                case .handedOut(let handOut): handOut.member == id
                default: false
                }
            }
            if own != member.inFlight { return "a member's work was miscounted" }
        }
        for (number, partition) in partitions.enumerated() {
            let busy = items.values.count { $0.partition == number && $0.isBusy }
            if let partition, partition.busy != busy {
                return "a partition's work was miscounted"
            }
        }
        var lanes: [LaneScope: Int] = [:]
        for partition in partitions {
            for scope in partition?.lanes.keys ?? [:].keys { lanes[scope, default: 0] += 1 }
        }
        if lanes != self.lanes.counts { return "the lanes were miscounted" }
        let blocked = lanes.keys.filter { scope in
            scope.key.map { keys[WorkKey(tenant: scope.tenant, key: $0)]?.isBlocked == true }
                ?? false
        }
        if Set(blocked) != self.lanes.blocked { return "a lane was taken for blocked, or was not" }
        let open = lanes.keys.filter { $0.key != nil && !blocked.contains($0) }
        if Dictionary(grouping: open, by: \.tenant).mapValues(\.count) != self.lanes.keys {
            return "the lanes of keys were miscounted"
        }
        if Set(self.lanes.scopes) != Set(lanes.keys) { return "a lane has no turn" }
        for item in items.values where !item.isWritten {
            if partitions[item.partition]?.unwritten.contains(item.position) != true {
                return "work without a row was forgotten"
            }
            if !item.isFresh { return "work without a row that needs one" }
        }
        return nil
    }

    /// What may be handed out is in the line, once.
    private var faultOfLine: String? {
        let waiting = line.waiting
        let queued = keys.filter { $0.value.isQueued }
        if queued.count != waiting.count || Set(waiting) != Set(queued.keys) {
            return "the line is not what it seems"
        }
        var positions: Set<Position> = []
        for (key, queue) in keys {
            positions.formUnion(queue.positions)
            if queue.positions != queue.positions.sorted() { return "a key is out of order" }
            let busy = queue.positions.filter { items[$0]?.isBusy == true }
            let isBlocked =
                busy.isEmpty && queue.first.flatMap { items[$0]?.waitsLong } == true
            if queue.isBlocked != isBlocked
                || queue.positions.contains(where: { items[$0]?.isBlocked != isBlocked })
            {
                return "a key was taken for blocked, or was not"
            }
            if busy.count != queue.busy { return "a key's work was miscounted" }
            let withMembers = busy.filter { items[$0].map(isWithMember) ?? false }
            if !rules.isLocal, withMembers.count > 1 || (!withMembers.isEmpty && busy.count > 1) {
                return "a key has two at work"
            }
            let begun = busy.filter { items[$0]?.isReady == true }
            if begun.count > 1 { return "a key has two begun" }
            if let one = begun.first, rules.isLocal, items[one]?.isUntouched == true,
                one != queue.first
            {
                return "a key has one ready behind another"
            }
            if rules.isLocal, !withMembers.isEmpty, begun.isEmpty,
                !busy.contains(where: { items[$0].map(isStoring) ?? false })
            {
                return "a key's run stands still"
            }
            guard let first = queue.first else { continue }
            let partition = items[first].flatMap { partitions[$0.partition] }
            if isEligible(queue), partition?.isLeaving == false, !queue.isQueued {
                return "\(first) of \(key.key) waits in no line"
            }
        }
        return positions != Set(items.keys) ? "work is in no key's queue" : nil
    }

    private func isStoring(_ item: WorkItem) -> Bool {
        if case .storing = item.state { return true }
        return false
    }

    /// Not one that a former holder left.
    private func isWithMember(_ item: WorkItem) -> Bool {
        switch item.state {
        case .storing, .handedOut: true
        case .waiting, .remarked, .orphaned, .held: false
        }
    }
}

extension WorkItem {
    /// Its member may take it, or has.
    fileprivate var isReady: Bool {
        if case .handedOut(let handOut) = state { return handOut.isReady }
        return false
    }
}
