// What is read, and what is taken up of it.
extension ConsumerStateMachine {
    enum Read: Equatable {
        /// The events of those partitions whose cursor is just there, up to where others' are.
        case main(after: Position, through: Position)
        /// What a lane's partitions skipped.
        case lane(LaneScope, after: Position, through: Position)
        /// Everything known was read.
        case wait(after: Position)
        /// There is no room, or nobody to work.
        case none
    }

    /// Free places for work.
    private var room: Int { max(0, capacity - load.active) }

    /// Free places for work that waits for long.
    private var parkingRoom: Int { max(0, limits.maxParked - load.parked) }

    /// Lanes that may still be opened.
    private var laneRoom: Int { max(0, limits.maxLanes - lanes.count) }

    private var hasRoom: Bool {
        room >= max(1, capacity / 8) && load.bytes < limits.maxBytes
            && load.parked < limits.maxParked && lanes.count < limits.maxLanes
    }

    /// Most events of the next read.
    var readLimit: Int { min(limits.readEvents, max(1, room)) }

    /// The next thing to read. What is behind takes turns with what is ahead, and lanes with both.
    mutating func nextRead() -> Read {
        guard !members.isEmpty, !isDraining, !isPaused else { return .none }
        var reads: [Read] = []
        let cursors = Set(partitions.compactMap { $0.flatMap { $0.isLeaving ? nil : $0.cursor } })
        guard let high = cursors.max() else { return .none }
        if hasRoom {
            if high < head { reads.append(.main(after: high, through: .max)) }
            if let low = cursors.min(), low < high {
                let next = cursors.filter { $0 > low }.min() ?? high
                reads.append(.main(after: low, through: next))
            }
        }
        for scope in lanes.scopes {
            if let read = read(of: scope) { reads.append(read) }
        }
        guard !reads.isEmpty else { return hasRoom ? .wait(after: high) : .none }
        turn += 1
        return reads[turn % reads.count]
    }

    private func read(of scope: LaneScope) -> Read? {
        if let key = scope.key {
            let queue = keys[WorkKey(tenant: scope.tenant, key: key)]
            guard (queue?.count ?? 0) <= limits.keyShare / 2, !isBlocked(queue), room > 0 else {
                return nil
            }
        } else {
            guard load.tenants[scope.tenant, default: 0] < room / 2,
                load.parkedTenants[scope.tenant, default: 0] < max(1, parkingRoom / 2),
                lanes.keys[scope.tenant, default: 0] < max(1, laneRoom / 2)
            else { return nil }
        }
        var after: Position?
        var through = Position.zero
        for partition in partitions {
            guard let partition, !partition.isLeaving, let position = partition.lanes[scope] else {
                continue
            }
            after = min(after ?? position, position)
            through = max(through, partition.limit(of: scope))
        }
        return after.map { .lane(scope, after: $0, through: max(through, $0)) }
    }

    /// Its first piece of work waits for long.
    private func isBlocked(_ queue: KeyQueue?) -> Bool {
        guard let queue, queue.busy == 0, let first = queue.first else { return false }
        return items[first]?.isParked ?? false
    }

    /// Takes a page up; events of partitions that are not held any more are none of our business.
    mutating func took(_ read: Read, _ page: EventPage) {
        head = max(head, page.head)
        switch read {
        case .main(let after, let through):
            let events = page.events.prefix { $0.position <= through }
            let end = takeMain(after, events) ?? min(page.scannedThrough, through)
            for index in partitions.indices {
                guard let partition = partitions[index], !partition.isLeaving,
                    partition.cursor == after
                else { continue }
                partitions[index]?.cursor = max(end, after)
            }
        case .lane(let scope, let after, let through):
            let events = page.events.prefix { $0.position <= through }
            let end = takeLane(scope, after, events) ?? min(page.scannedThrough, through)
            for index in partitions.indices {
                guard let partition = partitions[index], !partition.isLeaving,
                    let position = partition.lanes[scope], position >= after
                else { continue }
                advanceLane(scope, in: index, to: end)
            }
        case .wait, .none: break
        }
    }

    /// - Returns: Where it had to stop; nil when it took all.
    private mutating func takeMain(
        _ after: Position, _ events: ArraySlice<RecordedEvent>
    ) -> Position? {
        for event in events {
            guard let partition = partitions[event.partition], !partition.isLeaving,
                partition.cursor == after, items[event.position] == nil
            else { continue }
            let key = WorkKey(tenant: event.tenant, key: event.partitionKey)
            if partition.leavesToLane(key) { continue }
            if let scope = lane(for: key) {
                guard lanes.count < limits.maxLanes || lanes.contains(scope) else {
                    return event.position.previous
                }
                openLane(scope, in: event.partition, after: event.position.previous)
                continue
            }
            take(event)
        }
        return nil
    }

    private mutating func takeLane(
        _ scope: LaneScope, _ after: Position, _ events: ArraySlice<RecordedEvent>
    ) -> Position? {
        for event in events {
            guard let partition = partitions[event.partition], !partition.isLeaving,
                let position = partition.lanes[scope], position >= after, event.position > position,
                event.position <= partition.limit(of: scope), items[event.position] == nil,
                scope.key == nil || scope.key == event.partitionKey
            else { continue }
            let key = WorkKey(tenant: event.tenant, key: event.partitionKey)
            if scope.key == nil {
                let inner = LaneScope(tenant: key.tenant, key: key.key)
                if partition.lanes[inner] != nil { continue }
                guard load.tenants[key.tenant, default: 0] < room, !isParkedOut(key.tenant) else {
                    return event.position.previous
                }
                if isOverShare(key) {
                    guard laneRoom > 0, !hasManyLanes(key.tenant) else {
                        return event.position.previous
                    }
                    openLane(inner, in: event.partition, after: event.position.previous)
                    continue
                }
            } else if isOverShare(key) || room == 0 {
                return event.position.previous
            }
            take(event)
        }
        return nil
    }

    /// The lane that must be opened for an event of this key, if it cannot be taken up.
    private func lane(for key: WorkKey) -> LaneScope? {
        if rules.isShared,
            load.tenants[key.tenant, default: 0] >= max(1, room) || isParkedOut(key.tenant)
        {
            return LaneScope(tenant: key.tenant, key: nil)
        }
        guard isOverShare(key) else { return nil }
        let isOne = rules.isShared && hasManyLanes(key.tenant)
        return LaneScope(tenant: key.tenant, key: isOne ? nil : key.key)
    }

    /// As much of the tenant's waits for long as may of all others'.
    private func isParkedOut(_ tenant: TenantID) -> Bool {
        rules.isShared && load.parkedTenants[tenant, default: 0] >= max(1, parkingRoom)
    }

    /// As many keys of the tenant have lanes as may be opened for all others.
    private func hasManyLanes(_ tenant: TenantID) -> Bool {
        rules.isShared && lanes.keys[tenant, default: 0] >= max(1, laneRoom)
    }

    private func isOverShare(_ key: WorkKey) -> Bool {
        guard let queue = keys[key] else { return false }
        return queue.count >= limits.keyShare || isBlocked(queue)
    }

    private mutating func take(_ event: RecordedEvent) {
        insert(WorkItem(event, isOrdered: rules.isOrdered))
        note(event.position)
    }
}
