// What becomes of a batch of which a projection's table refuses something.
extension ConsumerStateMachine {
    /// The store refused what some events of a batch change, and recorded nothing of it. They were
    /// not finished, then: they wait for their turn again, as if they had not been handed out; and so
    /// does what came behind them in their keys.
    ///
    /// - Returns: The batch without them.
    mutating func retract(
        _ refused: Set<Position>, from batch: ConsumerBatch, now: Duration
    ) -> ConsumerBatch {
        var batch = batch
        var firsts: [WorkKey: Position] = [:]
        for position in refused {
            guard let key = changingUnderWay[position]?.key else { continue }
            firsts[key] = min(firsts[key] ?? position, position)
        }
        func isBehind(_ item: WorkItem) -> Bool {
            firsts[item.key].map { item.position >= $0 } ?? false
        }
        let undone = Self.sorted(changingUnderWay.values.filter(isBehind))
        let undoneSince = Self.sorted(changing.values.filter(isBehind))
        batch.forget(refused.union(undone.map(\.position)))
        // Also of what the batch finished: a dead letter among it that was let go meanwhile was taken
        // for over. The store will say that it is remarked.
        forget(Set((undone + undoneSince).map(\.position)))
        for item in undone {
            changingUnderWay[item.position] = nil
            // The batch may move the cursor past it.
            giveAgain(item, isWritten: true)
        }
        for item in undoneSince { giveAgain(item, isWritten: item.isWritten) }
        var handedBack: Set<Position> = []
        for (key, _) in firsts.sorted(by: { $0.value < $1.value }) {
            for position in keys[key]?.positions ?? [] where items[position]?.isBusy == true {
                callBack(position)
                handedBack.insert(position)
            }
        }
        storing.removeAll { handedBack.contains($0) }
        for index in batch.rows.indices where handedBack.contains(batch.rows[index].work.position) {
            guard let item = items[batch.rows[index].work.position] else { continue }
            batch.rows[index].work = item.stored(now: now)
        }
        for item in undone.compactMap({ items[$0.position] }) {
            batch.rows.append(
                ConsumerBatch.Row(
                    partition: item.partition, work: item.stored(now: now), heeded: nil))
        }
        return batch
    }

    private static func sorted(_ items: [WorkItem]) -> [WorkItem] {
        items.sorted { $0.position < $1.position }
    }

    /// Waits for its turn, as if it had not been handed out.
    private mutating func giveAgain(_ item: WorkItem, isWritten: Bool) {
        guard partitions[item.partition] != nil, items[item.position] == nil else { return }
        var item = item
        item.attempt -= 1
        item.state = .waiting(until: nil)
        item.isWritten = isWritten
        insert(item)
        note(item.position)
    }

    /// Whoever has it may have begun with it: what it says is worth nothing.
    private mutating func callBack(_ position: Position) {
        guard let item = items[position] else { return }
        free(item)
        update(position) { item in
            item.attempt -= 1
            item.ticket += 1
            item.state = .waiting(until: nil)
        }
        note(position)
    }

    /// What was said of these since the batch was taken is not to be stored.
    private mutating func forget(_ positions: Set<Position>) {
        guard !positions.isEmpty else { return }
        for position in positions { changing[position] = nil }
        finished.removeAll { positions.contains($0.position) }
        records.removeAll { positions.contains($0.position) }
        changes.removeAll { positions.contains($0.position) }
    }
}

extension ConsumerBatch {
    fileprivate mutating func forget(_ positions: Set<Position>) {
        finished.removeAll { positions.contains($0.position) }
        records.removeAll { positions.contains($0.position) }
        changes.removeAll { positions.contains($0.position) }
    }
}
