// Partitions come and go.
extension ConsumerStateMachine {
    /// Partitions that are held, or were and are on their way out.
    var held: [Int] { partitions.indices.filter { partitions[$0] != nil } }

    /// A partition is ours, with what its former holders left. What a member had of it is lost
    /// with the member, as far as anybody knows.
    ///
    /// - Parameters:
    ///   - left: Its work, as of ``item(of:_:)``; of what is not there retention dropped the event,
    ///     and it is over.
    ///   - wall: Now, for the ledger.
    mutating func granted(
        _ taken: TakenPartition, _ left: [Position: WorkItem], now: Duration, wall: Timestamp
    ) {
        precondition(partitions[taken.partition] == nil, "a partition that is held was taken")
        var partition = HeldPartition(taken)
        if isDraining { partition.leave(now: nil) }
        partitions[taken.partition] = partition
        takenSinceListening.insert(taken.partition)
        for lane in taken.lanes { addLane(lane.scope) }
        for work in taken.work where items[work.position] == nil {
            guard let item = left[work.position] else {
                finish(work.position, in: taken.partition)
                continue
            }
            restore(item, work, now: now, wall: wall)
        }
    }

    /// Work that a former holder left; of what is held no more is kept than its key.
    func item(of work: StoredWork, _ event: RecordedEvent) -> WorkItem {
        var item = WorkItem(event, work, isOrdered: rules.isOrdered)
        if work.state == .held { item.event = nil }
        return item
    }

    private mutating func restore(
        _ item: WorkItem, _ work: StoredWork, now: Duration, wall: Timestamp
    ) {
        var item = item
        switch work.state {
        case .waiting:
            item.state = .waiting(until: work.delay > .zero ? now + work.delay : nil)
        case .held:
            item.state = .held
        case .handedOut:
            item.lost += 1
            item.state =
                item.attempt >= rules.maxAttempts && !rules.isLocal
                ? .orphaned(until: now + (rules.ackDeadline ?? .zero)) : .waiting(until: nil)
        }
        insert(item)
        if work.state == .held, !rules.holdsKeys { note(item.position) }
        guard work.state == .handedOut else { return }
        note(item.position)
        if rules.isLocal { tellOfLoss(of: item, at: WorkItem.Taken(at: now, wall: wall)) }
    }

    /// A run that may have ended with its node, or with what the store lost, has nobody who could
    /// still say how it went: the ledger has it as lost, as of now.
    mutating func tellOfLoss(of item: WorkItem, at moment: WorkItem.Taken) {
        var item = item
        item.taken = moment
        if item.attempt >= rules.maxAttempts {
            giveUp(item, Self.runLost, now: moment.at)
        } else {
            record(item, .failed, Self.runLost, retryAfter: .zero, now: moment.at)
        }
    }

    private static let runLost = "RUN_LOST"

    /// Partitions that another node should have: nothing of them is handed out any more, and they
    /// go once what members have of them is answered or past its deadline.
    mutating func giveAway(_ leaving: some Sequence<Int>, now: Duration) {
        for index in leaving where partitions[index]?.isLeaving == false {
            partitions[index]?.leave(now: isDraining ? nil : now)
            if partitions[index]?.isLeaving == true { touched.insert(index) }
        }
        let lyingReady = sortedItems { item in
            guard case .handedOut(let handOut) = item.state, handOut.taken == nil else {
                return false
            }
            return partitions[item.partition]?.isLeaving == true
        }
        for item in lyingReady { handBack(item.position) }
    }

    /// Partitions that were to be given away, and are not any more, go on.
    ///
    /// - Parameter moment: They are not to leave again before.
    mutating func keep(_ staying: some Sequence<Int>, until moment: Duration) {
        guard !isDraining else { return }
        let kept = Set(
            staying.filter { index in
                partitions[index]?.isLeaving == true && partitions[index]?.isBeingReleased == false
            })
        guard !kept.isEmpty else { return }
        for index in kept { partitions[index]?.stay(until: moment) }
        for item in sortedItems(where: { kept.contains($0.partition) }) { queue(item.key) }
    }

    /// What leaves in vain stays for now.
    mutating func keepBusy(now: Duration) {
        let busy = partitions.indices.filter { index in
            guard let partition = partitions[index], partition.busy > 0 else { return false }
            return partition.leavingSince.map { now - $0 >= limits.leavingTime } ?? false
        }
        if !busy.isEmpty { keep(busy, until: now + limits.stayingTime) }
    }

    /// Everything goes, as ``giveAway(_:now:)`` says; whatever is taken from now on too.
    mutating func drain(now: Duration) {
        isDraining = true
        giveAway(partitions.indices, now: now)
    }

    /// The partition is somebody else's: what we know of it is worth nothing.
    mutating func drop(_ index: Int) {
        for item in sortedItems(where: { $0.partition == index }) {
            free(item)
            remove(item.position)
        }
        for scope in partitions[index]?.lanes.keys ?? [:].keys { closeLane(scope, in: index) }
        changedLanes = changedLanes.filter { $0.partition != index }
        finished.removeAll { $0.partition == index }
        deadLetters.removeAll { $0.partition == index }
        records.removeAll { $0.partition == index }
        changes.removeAll { $0.partition == index }
        changing = changing.filter { $0.value.partition != index }
        changingUnderWay = changingUnderWay.filter { $0.value.partition != index }
        touched.remove(index)
        partitions[index] = nil
    }

    // MARK: Lanes

    /// The cursor goes on without these events.
    mutating func openLane(_ scope: LaneScope, in index: Int, after position: Position) {
        guard partitions[index]?.lanes[scope] == nil else { return }
        partitions[index]?.lanes[scope] = position
        addLane(scope)
        noteLane(scope, in: index)
    }

    private mutating func addLane(_ scope: LaneScope) {
        lanes.add(scope)
        guard let key = scope.key else { return }
        let work = WorkKey(tenant: scope.tenant, key: key)
        noteLane(of: work, isBlocked: keys[work]?.isBlocked ?? false)
    }

    /// A key begins to wait for long, or goes on.
    mutating func noteLane(of key: WorkKey, isBlocked: Bool) {
        guard !lanes.isEmpty else { return }
        // There may be room for another lane now.
        if lanes.block(LaneScope(tenant: key.tenant, key: key.key), isBlocked) { stuck = [] }
    }

    /// A lane was read up to a position; where it meets what reads on, it ends.
    ///
    /// - Returns: Whether that changed anything.
    mutating func advanceLane(_ scope: LaneScope, in index: Int, to position: Position) -> Bool {
        guard let partition = partitions[index], let before = partition.lanes[scope] else {
            return false
        }
        let limit = partition.limit(of: scope)
        if min(position, limit) >= limit {
            closeLane(scope, in: index)
        } else if position > before {
            partitions[index]?.lanes[scope] = position
        } else {
            return false
        }
        noteLane(scope, in: index)
        return true
    }

    private mutating func closeLane(_ scope: LaneScope, in index: Int) {
        guard partitions[index]?.lanes.removeValue(forKey: scope) != nil else { return }
        lanes.remove(scope)
        stuck = []
    }

    private mutating func noteLane(_ scope: LaneScope, in index: Int) {
        changedLanes.insert(LaneAt(partition: index, scope: scope))
        touched.insert(index)
    }

    // MARK: How far it is

    /// All up to here is finished, as far as this node's share goes; nil when it has none.
    var position: Position? {
        var least: Position?
        for partition in partitions {
            guard let partition else { continue }
            least = min(least ?? partition.cursor, partition.cursor)
            for position in partition.lanes.values { least = min(least ?? position, position) }
        }
        guard var least else { return nil }
        for position in items.keys { least = min(least, position.previous) }
        return least
    }

    /// Whether nothing up to a position is left to be handed out here, apart from what waits for
    /// long.
    func isCaughtUp(through position: Position) -> Bool {
        guard load.active == members.values.reduce(0, { $0 + $1.inFlight - $1.ready.count }),
            storing.isEmpty, lanes.isEmpty
        else { return false }
        return partitions.allSatisfy { $0.map { $0.cursor >= position } ?? true }
    }
}
