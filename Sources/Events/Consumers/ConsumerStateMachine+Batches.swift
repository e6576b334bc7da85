// What goes to the store, and what comes back.
extension ConsumerStateMachine {
    /// Hands out what can be, and takes all that changed since the last batch; nil when nothing did.
    /// One batch is under way at a time: ``answered(_:_:now:)`` comes before the next.
    mutating func takeBatch(now: Duration) -> ConsumerBatch? {
        precondition(storing.isEmpty, "a batch is under way")
        if !isDraining, !isPaused { handOut() }
        shareCursors(now: now)
        guard !touched.isEmpty else { return nil }
        var batch = ConsumerBatch(consumer: consumer, node: node)
        for index in touched.sorted() {
            guard let partition = partitions[index] else { continue }
            let isReleased = partition.isLeaving && partition.busy == 0
            partitions[index]?.isBeingReleased = isReleased
            batch.shares.append(
                ConsumerBatch.Share(
                    partition: index, fence: partition.fence, serial: partition.serial,
                    cursor: partition.cursor, isReleased: isReleased))
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
        return batch
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
        heedingUnderWay = []
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
        var members: Set<Int> = []
        for position in handedOut {
            if let member = layReady(position, now: now) { members.insert(member) }
        }
        return members
    }

    /// The store refused what some events of a batch change, and recorded nothing of it. They were
    /// not finished, then: they wait for their turn again, as if they had not been handed out.
    ///
    /// - Returns: The batch without them.
    mutating func retract(
        _ refused: Set<Position>, from batch: ConsumerBatch, now: Duration
    ) -> ConsumerBatch {
        var batch = batch
        batch.finished.removeAll { refused.contains($0.position) }
        batch.records.removeAll { refused.contains($0.position) }
        batch.changes.removeAll { refused.contains($0.position) }
        var handedBack: Set<Position> = []
        for position in refused.sorted() {
            guard var item = changingUnderWay.removeValue(forKey: position),
                partitions[item.partition] != nil, items[position] == nil
            else { continue }
            // What comes behind it was handed out with the same batch.
            for next in keys[item.key]?.positions ?? [] where items[next]?.isBusy == true {
                handBack(next)
                handedBack.insert(next)
            }
            item.attempt -= 1
            item.state = .waiting(until: nil)
            insert(item)
        }
        storing.removeAll { handedBack.contains($0) }
        for index in batch.rows.indices where handedBack.contains(batch.rows[index].work.position) {
            guard let item = items[batch.rows[index].work.position] else { continue }
            batch.rows[index].work = item.stored(now: now)
        }
        return batch
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
        members[member]?.layReady(position, of: item.key.tenant)
        return member
    }
}
