// What goes to the store, and what comes back.
extension ConsumerStateMachine {
    /// Hands out what can be, and takes all that changed since the last batch; nil when nothing did.
    /// One batch is under way at a time: ``answered(_:_:now:)`` comes before the next.
    mutating func takeBatch(now: Duration) -> ConsumerBatch? {
        precondition(storing.isEmpty, "a batch is under way")
        if !isDraining, !isPaused { handOut() }
        noteRoom(now: now)
        shareCursors(now: now)
        guard !touched.isEmpty else { return nil }
        var batch = ConsumerBatch(consumer: consumer, node: node)
        let withNewLanes = Set(changedLanes.map(\.partition))
        for index in touched.sorted() {
            guard let partition = partitions[index] else { continue }
            let isReleased = partition.isLeaving && partition.busy == 0
            partitions[index]?.isBeingReleased = isReleased
            // A lane's events may be over, or not, on either side of the cursor.
            let isMarked =
                !partition.isLeaving && partition.lanes.isEmpty && !withNewLanes.contains(index)
            let (cursor, begun) = goOn(in: index, isMarked: isMarked)
            batch.shares.append(
                ConsumerBatch.Share(
                    partition: index, fence: partition.fence, serial: partition.serial,
                    cursor: cursor, begun: begun, isReleased: isReleased))
        }
        for position in changed.sorted() {
            guard let item = items[position] else { continue }
            batch.rows.append(
                ConsumerBatch.Row(
                    partition: item.partition, work: item.stored(now: now),
                    heeded: heeded[position]))
        }
        for lane in changedLanes.sorted() {
            batch.lanes.append(
                ConsumerBatch.Lane(
                    partition: lane.partition, scope: lane.scope,
                    position: partitions[lane.partition]?.lanes[lane.scope]))
        }
        batch.finished = finished
        batch.deadLetters = deadLetters
        batch.records = records
        batch.changes = changes.sorted { $0.position < $1.position }
        batch.isDurable = isDurable
        batch.handedOut = storing.count
        touched = []
        changed = []
        heeded = [:]
        changedLanes = []
        finished = []
        deadLetters = []
        records = []
        changes = []
        isDurable = false
        changingUnderWay = changing
        changing = [:]
        heedingUnderWay = Set(batch.rows.filter { $0.heeded != nil }.map(\.work.position))
        isStoringRevivals = batch.rows.contains { $0.heeded == .revive }
        return batch
    }

    /// What projections want changed with the next batch.
    var changeCount: Int { changes.reduce(0) { $0 + $1.changes.count } }

    /// Gives rows to what the cursor must go past.
    ///
    /// - Parameter isMarked: What need not have one has none.
    /// - Returns: The cursor, up to which all is over or has a row once the batch is stored, and up to
    ///   where members may begin with what has none.
    private mutating func goOn(
        in index: Int, isMarked: Bool
    ) -> (cursor: Position, begun: Position) {
        guard let partition = partitions[index] else { return (.zero, .zero) }
        var begun = partition.stillBegun
        guard !partition.unwritten.isEmpty else {
            return (partition.cursor, max(partition.cursor, begun))
        }
        let past = isMarked ? partition.overWithoutRow : .max
        var left: [Position] = []
        for position in partition.unwritten {
            guard let item = items[position], !item.isWritten else { continue }
            if position < past {
                items[position]?.isWritten = true
                changed.insert(position)
            } else {
                left.append(position)
                if item.isBusy { begun = max(begun, position) }
            }
        }
        partitions[index]?.unwritten = left
        partitions[index]?.overWithoutRow = .zero
        let cursor = left.first?.previous ?? partition.cursor
        return (cursor, max(begun, cursor))
    }

    /// Cursors that moved past nothing of interest are stored now and then; the others go with
    /// what moved them.
    private mutating func shareCursors(now: Duration) {
        for index in partitions.indices {
            guard let partition = partitions[index], partition.isLeaving, partition.busy == 0 else {
                continue
            }
            touched.insert(index)
        }
        guard now - cursorsStoredAt >= limits.cursorInterval else { return }
        cursorsStoredAt = now
        for index in partitions.indices {
            guard let partition = partitions[index] else { continue }
            if partition.cursor != partition.storedCursor { touched.insert(index) }
        }
    }

    /// The store recorded a batch, but for what it refused.
    ///
    /// - Returns: Members for whom something lies ready.
    mutating func answered(
        _ batch: ConsumerBatch, _ answer: BatchAnswer, now: Duration
    ) -> Set<Int> {
        let handedOut = storing
        storing = []
        stuck = []
        heedingUnderWay = []
        isStoringRevivals = false
        changingUnderWay = [:]
        for share in batch.shares where partitions[share.partition]?.fence == share.fence {
            if answer.refused.contains(share.partition) || share.isReleased {
                drop(share.partition)
            } else {
                partitions[share.partition]?.serial += 1
                partitions[share.partition]?.storedCursor = share.cursor
            }
        }
        for position in answer.remarked { setAside(position) }
        for row in batch.rows
        where row.work.state == .held && !answer.remarked.contains(row.work.position) {
            letGo(row.work.position)
        }
        var members: Set<Int> = []
        for position in handedOut {
            if let member = layReady(position, now: now) { members.insert(member) }
        }
        return members
    }

    /// A dead letter, known as that to the store, holds its key no more if keys are not to be held.
    private mutating func letGo(_ position: Position) {
        guard !rules.holdsKeys, let item = items[position], item.state == .held,
            heeded[position] == nil
        else { return }
        finish(item, .letGo)
    }

    /// Another node said something of it: that decides, unless it is decided already, or was heard
    /// and acted upon while the batch was under way.
    private mutating func setAside(_ position: Position) {
        guard let item = items[position], heeded[position] == nil else { return }
        switch item.state {
        case .storing:
            free(item)
            update(position) { item in
                item.attempt -= 1
                item.ticket -= 1
                item.state = .remarked
            }
        case .waiting:
            update(position) { $0.state = .remarked }
        case .remarked, .handedOut, .orphaned, .held:
            break
        }
    }

    private mutating func layReady(_ position: Position, now: Duration) -> Int? {
        guard let item = items[position], case .storing(let member) = item.state else {
            return nil
        }
        guard members[member] != nil, !isPaused, partitions[item.partition]?.isLeaving == false
        else {
            handBack(position)
            return nil
        }
        let handOut = WorkItem.HandOut(member: member, deadline: rules.ackDeadline.map { now + $0 })
        update(position) { $0.state = .handedOut(handOut) }
        if rules.isLocal { return advance(item.key) }
        letBegin(position, member)
        return member
    }

    private mutating func letBegin(_ position: Position, _ member: Int) {
        guard let item = items[position], case .handedOut(var handOut) = item.state else { return }
        handOut.isReady = true
        items[position]?.state = .handedOut(handOut)
        members[member]?.layReady(position, of: item.key.tenant)
    }

    /// What was handed out behind the first of a key may begin when that is over, and goes back when
    /// that has to wait.
    ///
    /// - Returns: The member for whom something lies ready now.
    @discardableResult
    mutating func advance(_ key: WorkKey) -> Int? {
        guard rules.isLocal, let queue = keys[key], queue.busy > 0, let first = queue.first,
            let item = items[first]
        else { return nil }
        switch item.state {
        case .handedOut(let handOut):
            guard !handOut.isReady else { return nil }
            letBegin(first, handOut.member)
            return handOut.member
        case .storing: return nil
        case .waiting, .remarked, .orphaned, .held:
            for position in queue.positions where items[position]?.isUntouched == true {
                takeBack(position)
            }
            return nil
        }
    }
}
