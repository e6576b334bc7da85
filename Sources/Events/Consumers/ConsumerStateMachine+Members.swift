// Members, and what is handed to them.
extension ConsumerStateMachine {
    /// Room for a batch on its way to each member besides what they work on.
    var capacity: Int {
        // Members of this process have few that they are at; half of the room is there for when
        // much of what they were handed takes long.
        let batches = rules.isLocal ? 4 : 2
        let wanted = members.values.reduce(0) { $0 + batches * $1.maxInFlight }
        return min(max(wanted, limits.capacities.lowerBound), limits.capacities.upperBound)
    }

    mutating func join(_ member: Int, maxInFlight: Int) {
        members[member] = ConsumerMember(maxInFlight: maxInFlight)
        favouritesAreStale = true
    }

    /// The member is gone. What it took counts as an attempt, and may be answered until it is
    /// handed out again; what it never took does not count.
    ///
    /// Of a node that drains clients leave because it does: what they took stays theirs, to be
    /// answered here or elsewhere until its deadline.
    mutating func leave(_ member: Int, now: Duration) {
        let left = sortedItems { item in
            guard case .handedOut(let handOut) = item.state, handOut.member == member else {
                return false
            }
            return !isDraining || rules.isLocal || handOut.taken == nil
        }
        for item in left { lose(item, now: now) }
        members[member] = nil
        favouritesAreStale = true
    }

    private mutating func lose(_ item: WorkItem, now: Duration) {
        guard case .handedOut(let handOut) = item.state else { return }
        guard handOut.taken != nil else { return handBack(item.position) }
        free(item)
        let isLast = item.attempt >= rules.maxAttempts
        update(item.position) { item in
            item.lost += 1
            item.state =
                isLast ? .orphaned(until: handOut.deadline ?? now) : .waiting(until: nil)
        }
        note(item.position)
        guard let item = items[item.position], !item.isBusy else { return }
        record(item, .failed, "MEMBER_LEFT", retryAfter: .zero, now: now)
    }

    /// It was not begun: the attempt does not count, and nothing behind it in its key begins.
    mutating func handBack(_ position: Position) {
        guard let item = items[position] else { return }
        takeBack(position)
        advance(item.key)
    }

    mutating func takeBack(_ position: Position) {
        guard let item = items[position], item.isUntouched else { return }
        free(item)
        update(position) { item in
            item.attempt -= 1
            item.state = .waiting(until: nil)
        }
        note(position)
    }

    /// From now on so many may be in flight to the member; what is not begun beyond that goes back.
    mutating func limit(_ member: Int, to maxInFlight: Int) {
        guard let before = members[member] else { return }
        members[member]?.maxInFlight = maxInFlight
        guard before.inFlight > maxInFlight else { return }
        let waiting = before.ready.waiting + behindOthers { $0 == member }
        for position in waiting.suffix(before.inFlight - maxInFlight) { handBack(position) }
    }

    /// Nothing is handed out until this is taken back; what is not begun goes back.
    mutating func pause(_ isPaused: Bool) {
        self.isPaused = isPaused
        guard isPaused else { return }
        let waiting = members.values.flatMap(\.ready.waiting) + behindOthers { _ in true }
        for position in waiting.sorted() { handBack(position) }
    }

    /// What some members were handed behind others of its key.
    private func behindOthers(_ isIncluded: (Int) -> Bool) -> [Position] {
        guard rules.isLocal else { return [] }
        return sortedItems { item in
            guard case .handedOut(let handOut) = item.state else { return false }
            return !handOut.isReady && isIncluded(handOut.member)
        }.map(\.position)
    }

    /// Takes the work off its member's hands.
    mutating func free(_ item: WorkItem) {
        let member: Int
        switch item.state {
        case .storing(let id): member = id
        case .handedOut(let handOut): member = handOut.member
        case .waiting, .remarked, .orphaned, .held: return
        }
        if members[member]?.alone == item.position { members[member]?.alone = nil }
        if case .handedOut(let handOut) = item.state, handOut.isReady, handOut.taken == nil {
            members[member]?.ready.remove(of: item.key.tenant) { $0 == item.position }
        }
    }

    /// Shares the partitions out to the members, moving no more than it must.
    private mutating func chooseFavourites() {
        favouritesAreStale = false
        let balance = PartitionBalance(
            holders: favourites, weights: members.mapValues { _ in 1 })
        favourites = members.isEmpty ? favourites.map { _ in nil } : balance.assign(favourites)
    }

    // MARK: Handing out

    /// Gives the first of each key in the line to a member with room.
    mutating func handOut() {
        if favouritesAreStale { chooseFavourites() }
        releaseReservations()
        var credits = members.mapValues(\.credit).filter { $0.value > 0 }
        var postponed: [WorkKey] = []
        var runs: [(key: WorkKey, member: Int)] = []
        while let key = line.popFirst() {
            keys[key]?.isQueued = false
            forget(key)
            guard let queue = keys[key], isEligible(queue), let first = queue.first,
                let item = items[first], let partition = partitions[item.partition],
                !partition.isLeaving
            else { continue }
            let isAlone = isAlone(item)
            let member = isAlone ? lonely(for: first) : pick(item.partition, &credits)
            guard let member else {
                // Whom a member is kept for may stand further back.
                let isReserving = members.values.contains { $0.reserved != nil }
                if !isAlone, credits.isEmpty, !isReserving {
                    // It is next when there is room: another tenant's turn comes after its own.
                    keys[key]?.isQueued = true
                    line.putBack(key, of: key.tenant)
                    break
                }
                postponed.append(key)
                if isAlone {
                    // A member was reserved: it takes nothing else.
                    credits = members.mapValues(\.credit).filter { $0.value > 0 }
                }
                continue
            }
            if isAlone {
                members[member]?.reserved = nil
                members[member]?.alone = first
                credits[member] = nil
            }
            give(first, to: member, fence: partition.fence)
            if rules.givesRuns, queue.count > 1, !isAlone { runs.append((key, member)) }
        }
        for (key, member) in runs { giveRun(of: key, to: member, &credits) }
        // To the end: at the front they could keep what waits to be alone from its turn for ever.
        for key in postponed {
            keys[key]?.isQueued = true
            line.append(key, of: key.tenant)
        }
    }

    private mutating func give(_ position: Position, to member: Int, fence: Int64) {
        update(position) { item in
            item.state = .storing(member: member)
            item.attempt += 1
            item.ticket += 1
            item.fence = fence
            item.taken = nil
        }
        storing.append(position)
        note(position)
    }

    /// What comes behind the first of its key goes to the same member, as far as all that was in the
    /// line left room.
    private mutating func giveRun(
        of key: WorkKey, to member: Int, _ credits: inout [Int: Int]
    ) {
        for position in keys[key]?.positions.dropFirst() ?? [] {
            guard let credit = credits[member], let item = items[position],
                item.state == .waiting(until: nil), !isAlone(item),
                let fence = partitions[item.partition]?.fence
            else { return }
            credits[member] = credit == 1 ? nil : credit - 1
            give(position, to: member, fence: fence)
        }
    }

    /// Nobody is kept for what need not be alone any more, or is no longer next of its key: what
    /// comes before it may need that member.
    private mutating func releaseReservations() {
        for (id, member) in members {
            guard let position = member.reserved else { continue }
            let isNext =
                items[position].map { item in
                    isAlone(item) && partitions[item.partition]?.isLeaving == false
                        && keys[item.key]?.first == position
                        && keys[item.key].map(isEligible) == true
                } ?? false
            if !isNext { members[id]?.reserved = nil }
        }
    }

    private func isAlone(_ item: WorkItem) -> Bool { item.lost >= rules.lostBeforeAlone }

    private func pick(_ partition: Int, _ credits: inout [Int: Int]) -> Int? {
        var choice = favourites[partition]
        if choice.flatMap({ credits[$0] }) == nil {
            choice = credits.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        }
        guard let choice, let credit = credits[choice] else { return nil }
        credits[choice] = credit == 1 ? nil : credit - 1
        return choice
    }

    /// A member with nothing else to do; without one, a member is kept for this from now on.
    private mutating func lonely(for position: Position) -> Int? {
        if let (id, member) = members.first(where: { $0.value.reserved == position }) {
            return member.inFlight == 0 ? id : nil
        }
        let free = members.filter {
            $0.value.alone == nil && $0.value.reserved == nil && !$0.value.isStalled
        }
        guard
            let choice = free.min(by: { ($0.value.inFlight, $0.key) < ($1.value.inFlight, $1.key) })
        else { return nil }
        if choice.value.inFlight == 0 { return choice.key }
        members[choice.key]?.reserved = position
        return nil
    }

    /// What lies ready for a member, tenants in turn; from now on it counts as begun.
    ///
    /// - Parameters:
    ///   - places: Of the member, for runs at one time; nil: it has none.
    ///   - wall: Now, for the ledger.
    mutating func pull(
        _ member: Int, limit: Int, maxBytes: Int, places: Int? = nil, now: Duration,
        wall: Timestamp
    ) -> [WorkItem] {
        members[member]?.isStalled = false
        var pulled: [WorkItem] = []
        var bytes = 0
        while pulled.count < limit, bytes < maxBytes,
            let position = members[member]?.begin(places: places)
        {
            guard let bytesOfItem = items[position]?.bytes else { continue }
            let taken = WorkItem.Taken(at: now, wall: wall)
            let deadline = rules.ackDeadline.map { now + $0 }
            update(position) { item in
                guard case .handedOut(var handOut) = item.state else { return }
                handOut.taken = taken
                handOut.deadline = deadline
                item.state = .handedOut(handOut)
                item.taken = taken
            }
            bytes += bytesOfItem
            if let item = items[position] { pulled.append(item) }
        }
        return pulled
    }
}
