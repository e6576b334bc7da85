// What becomes of work that was handed out.
extension ConsumerStateMachine {
    /// What a token is worth here.
    enum Settlement: Equatable {
        /// It counts once the next batch is stored.
        case pending
        /// It counts; nothing is to be stored.
        case done
        /// The event was handed out again, or is finished.
        case expired
        /// Somebody else holds the partition, or nobody.
        case elsewhere
    }

    /// - Parameters:
    ///   - changes: What a projection wants changed with the batch that finishes the event.
    ///   - isDurable: Somebody waits for it to be stored for good.
    mutating func settle(
        _ token: AckToken, _ verdict: Verdict, changes: [ProjectionChange] = [],
        isDurable: Bool = true, now: Duration
    ) -> Settlement {
        guard partitions[token.partition]?.isBeingReleased == false else { return .elsewhere }
        guard let item = items[token.position], item.ticket == token.ticket,
            item.fence == token.fence, item.isAnswerable
        else { return .expired }
        if verdict.action == .extend {
            guard extend(item, verdict.delay, now: now) else { return .expired }
            return .done
        }
        if verdict.action == .ack, !changes.isEmpty {
            changing[item.position] = item
            self.changes.append(
                ConsumerBatch.Change(
                    partition: item.partition, position: item.position, changes: changes))
        }
        act(on: item, verdict, now: now)
        advance(item.key)
        self.isDurable = self.isDurable || isDurable
        return .pending
    }

    private func isStoring(_ item: WorkItem) -> Bool {
        if case .storing = item.state { return true }
        return false
    }

    private mutating func extend(_ item: WorkItem, _ delay: Duration, now: Duration) -> Bool {
        guard case .handedOut(var handOut) = item.state else { return false }
        let extended = delay > .zero ? delay : rules.ackDeadline
        handOut.deadline = extended.map { now + $0 }
        update(item.position) { $0.state = .handedOut(handOut) }
        return true
    }

    private mutating func act(on item: WorkItem, _ verdict: Verdict, now: Duration) {
        free(item)
        let until = verdict.delay > .zero ? now + verdict.delay : nil
        switch verdict.action {
        case .ack:
            record(item, verdict.outcome ?? .succeeded, "", now: now)
            finish(item, .succeeded)
        case .retry where item.attempt < rules.maxAttempts:
            record(
                item, verdict.outcome ?? .failed, verdict.reason, retryAfter: verdict.delay,
                now: now)
            wait(item, until: until)
        case .retry, .deadLetter:
            giveUp(item, verdict.reason, now: now)
        case .release:
            update(item.position) { $0.attempt = max(0, $0.attempt - 1) }
            wait(item, until: until)
        case .discard:
            finish(item, .discarded)
        case .extend, .revive:
            break
        }
    }

    /// Back into its key's queue; the token it was handed out with is worth nothing any more.
    private mutating func wait(_ item: WorkItem, until: Duration?) {
        update(item.position) { item in
            item.ticket += 1
            item.taken = nil
            item.state = .waiting(until: until)
        }
        note(item.position)
    }

    /// Remarks are about to be read.
    mutating func listen() {
        alreadyHeeded = heedingUnderWay.union(heeded.keys)
        takenSinceListening = []
    }

    /// Acts on what another node left, unless that was done before.
    ///
    /// - Parameter event: Of a dead letter that is tried again.
    mutating func heed(_ remark: Remark, event: RecordedEvent?, now: Duration) {
        let position = remark.work.position
        guard partitions[remark.partition]?.isBeingReleased == false,
            !takenSinceListening.contains(remark.partition), !alreadyHeeded.contains(position)
        else { return }
        if remark.verdict.action == .revive { return revive(remark, event, now: now) }
        guard var item = items[position] else {
            // It was to be tried again, and let go before anybody heard of it.
            if remark.verdict.action == .discard { finish(position, in: remark.partition) }
            return
        }
        // Of one that is being stored the store will say that it is remarked.
        guard !isStoring(item) else { return }
        // The store took nothing that was decided here since: what it holds is what counts.
        if remark.verdict.action != .extend { item.attempt = remark.work.attempt }
        item.ticket = max(item.ticket, remark.work.ticket)
        update(position) { $0 = item }
        heeded[position] = remark.verdict.action
        note(position)
        if item.state == .held, remark.verdict.action != .ack, remark.verdict.action != .discard {
            // It was given up; the store left that out, or will, because of the remark.
            guard !deadLetters.contains(where: { $0.position == position }) else { return }
            deadLetters.append(
                ConsumerBatch.Failure(
                    partition: item.partition, position: position, reason: remark.verdict.reason))
            return
        }
        if remark.verdict.action == .extend {
            if !extend(item, remark.verdict.delay, now: now) { forget(remark, on: item) }
        } else {
            act(on: item, remark.verdict, now: now)
            advance(item.key)
        }
    }

    mutating func forget(_ remark: Remark, on item: WorkItem) {
        if item.state == .remarked { update(item.position) { $0.state = .waiting(until: nil) } }
        heeded[item.position] = remark.verdict.action
        note(item.position)
    }

    // MARK: Ends

    mutating func finish(_ item: WorkItem, _ resolution: ConsumerBatch.Finish.Resolution) {
        if resolution == .succeeded || resolution == .discarded {
            deadLetters.removeAll { $0.position == item.position }
        }
        finished.append(
            ConsumerBatch.Finish(
                partition: item.partition, position: item.position, resolution: resolution,
                isWritten: item.isWritten))
        if !item.isWritten { partitions[item.partition]?.goPast(item.position) }
        touched.insert(item.partition)
        remove(item.position)
    }

    /// What has a row in the store, and nothing here.
    mutating func finish(_ position: Position, in partition: Int) {
        finished.append(
            ConsumerBatch.Finish(
                partition: partition, position: position, resolution: .none, isWritten: true))
        touched.insert(partition)
    }

    /// The event becomes a dead letter.
    mutating func giveUp(_ item: WorkItem, _ reason: String, now: Duration) {
        record(item, .deadLettered, reason, now: now)
        deadLetters.append(
            ConsumerBatch.Failure(
                partition: item.partition, position: item.position, reason: reason))
        guard rules.holdsKeys else { return finish(item, .none) }
        update(item.position) { item in
            item.ticket += 1
            item.isRevived = true
            item.event = nil
            item.state = .held
        }
        note(item.position)
    }

    mutating func record(
        _ item: WorkItem, _ outcome: DeliveryOutcome, _ message: String,
        retryAfter: Duration? = nil, now: Duration
    ) {
        guard let taken = item.taken else { return }
        records.append(
            ConsumerBatch.Record(
                partition: item.partition, position: item.position, attempt: item.attempt,
                outcome: outcome, startedAt: taken.wall, duration: now - taken.at,
                message: message, retryAfter: retryAfter))
    }

    // MARK: Time

    /// When ``tick(now:)`` has something to do.
    var nextTick: Duration? { due.first }

    mutating func tick(now: Duration) {
        stuck = []
        while let position = due.popDue(now: now) {
            guard let item = items[position], let time = item.due, time <= now else { continue }
            switch item.state {
            case .waiting:
                update(position) { $0.state = .waiting(until: nil) }
            case .orphaned:
                free(item)
                giveUp(item, "MEMBER_LEFT", now: now)
            case .handedOut(let handOut) where handOut.taken == nil:
                members[handOut.member]?.isStalled = true
                // All of it at once: one after the other each would be looked for in the line.
                let waiting = members[handOut.member]?.takeReady() ?? []
                for position in waiting + [position] { handBack(position) }
            case .handedOut:
                timeOut(item, now: now)
            case .storing, .remarked, .held:
                break
            }
        }
        writeLong(now: now)
        keepBusy(now: now)
        // What was answered long before its moment leaves its entries behind.
        if due.count > 4 * items.count + 4_096 {
            due = DueHeap()
            for item in items.values {
                if let time = item.due { due.insert(item.position, at: time) }
            }
        }
    }

    /// What runs for long gets its row, so that everybody sees that it runs.
    private mutating func writeLong(now: Duration) {
        guard now - lookedForLongAt >= limits.longRun / 2 else { return }
        lookedForLongAt = now
        for partition in partitions {
            for position in partition?.unwritten ?? [] {
                guard let item = items[position], !item.isWritten,
                    case .handedOut(let handOut) = item.state,
                    let taken = handOut.taken, now - taken.at >= limits.longRun
                else { continue }
                write(item)
            }
        }
    }

    private mutating func timeOut(_ item: WorkItem, now: Duration) {
        free(item)
        if item.attempt >= rules.maxAttempts { return giveUp(item, "ACK_DEADLINE", now: now) }
        record(item, .timedOut, "ACK_DEADLINE", retryAfter: .zero, now: now)
        update(item.position) { $0.state = .waiting(until: nil) }
        note(item.position)
    }
}
