// What is read, and what is taken up of it.
extension ConsumerStateMachine {
    enum Read: Hashable {
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

    /// Bytes that events of more work may have.
    private var byteRoom: Int { max(0, limits.maxBytes - load.bytes) }

    /// Lanes that may still be opened.
    private var laneRoom: Int { max(0, limits.maxLanes - lanes.open) }

    private var hasRoom: Bool {
        (isAtEase ? isLight : room >= max(1, capacity / 8)) && byteRoom > 0
            && load.parked < limits.maxParked
    }

    /// Most events of the next read.
    var readLimit: Int {
        let wanted = isAtEase ? max(capacity / 8, capacity / 2 - load.active) : room
        return min(limits.readEvents, max(1, min(wanted, room)))
    }

    /// Half of the room is enough: what members of this process are handed ends soon. Only when it
    /// does not are others' events looked for behind it, and lanes opened for what stands there.
    private var isAtEase: Bool { rules.isLocal && !(crowding?.isLasting ?? false) }

    /// There is room for a page within that half.
    private var isLight: Bool { load.active <= capacity * 3 / 8 }

    /// A batch is taken.
    mutating func noteRoom(now: Duration) {
        if isLight {
            crowding = nil
        } else {
            let isUnfair = load.isMostlyOneTenants && hasOthers(now: now)
            crowding = crowding ?? Crowding(since: now)
            crowding?.note(isUnfair: isUnfair, now: now)
        }
    }

    /// Not long ago events of more than one tenant came.
    private func hasOthers(now: Duration) -> Bool {
        tenantsChanged.map { now - $0 < .seconds(60) } ?? false
    }

    /// There is less room than it takes to read on at ease.
    struct Crowding: Equatable {
        private let since: Duration
        private var batches = 0
        /// It will not be over by itself before others have waited for too long.
        private(set) var isLasting = false

        init(since: Duration) { self.since = since }

        /// Another batch finds it so.
        ///
        /// - Parameter isUnfair: One tenant is in the others' way. When none has more than all others,
        ///   or no others are known of, turns come in the order of the log: that gets some time.
        mutating func note(isUnfair: Bool, now: Duration) {
            batches += 1
            isLasting = batches >= 3 && (isUnfair || now - since >= .milliseconds(50))
        }
    }

    /// The next thing to read. What is new, or behind that, has every other turn, however many lanes
    /// there are; those take turns with each other.
    mutating func nextRead() -> Read {
        guard !members.isEmpty, !isDraining, !isPaused, let cursors = cursorSpan else {
            return .none
        }
        let high = cursors.high
        var reads: [Read] = []
        if hasRoom {
            if high < head { reads.append(.main(after: high, through: .max)) }
            if cursors.low < high { reads.append(.main(after: cursors.low, through: cursors.next)) }
            reads.removeAll(where: stuck.contains)
        }
        let next = turn + 1
        if reads.isEmpty || next % 2 == 0, byteRoom > 0 {
            let behind = lanes.scopes.compactMap(read).filter { !stuck.contains($0) }
            if !behind.isEmpty {
                turn = next
                return behind[(reads.isEmpty ? next : next / 2) % behind.count]
            }
        }
        guard !reads.isEmpty else { return hasRoom && stuck.isEmpty ? .wait(after: high) : .none }
        turn = next
        return reads[(lanes.isEmpty ? next : next / 2) % reads.count]
    }

    /// The lowest and the highest cursor, and the lowest of those above the lowest.
    private var cursorSpan: (low: Position, next: Position, high: Position)? {
        var span: (low: Position, next: Position, high: Position)?
        for partition in partitions {
            guard let partition, !partition.isLeaving else { continue }
            let cursor = partition.cursor
            guard let known = span else {
                span = (cursor, cursor, cursor)
                continue
            }
            if cursor < known.low {
                span = (cursor, known.low, known.high)
            } else if cursor > known.low {
                let next = known.next == known.low ? cursor : min(known.next, cursor)
                span = (known.low, next, max(known.high, cursor))
            }
        }
        return span
    }

    private func read(of scope: LaneScope) -> Read? {
        if let key = scope.key {
            let queue = keys[WorkKey(tenant: scope.tenant, key: key)]
            guard (queue?.count ?? 0) <= keyShare / 2, queue?.isBlocked != true, room > 0 else {
                return nil
            }
        } else {
            guard load.tenants[scope.tenant, default: 0] < room / 2,
                load.parkedTenants[scope.tenant, default: 0] < max(1, parkingRoom / 2),
                load.tenantBytes[scope.tenant, default: 0] < max(1, byteRoom / 2),
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

    /// Takes a page up; events of partitions that are not held any more are none of our business.
    ///
    /// - Parameter wall: Now, for the ledger.
    mutating func took(_ read: Read, _ page: EventPage, now: Duration, wall: Timestamp) {
        head = max(head, page.head)
        let moment = WorkItem.Taken(at: now, wall: wall)
        var hasMoved = false
        switch read {
        case .main(let after, let through):
            if isAtEase { crowding = nil }
            let events = page.events.prefix { $0.position <= through }
            let end = takeMain(after, events, moment) ?? min(page.scannedThrough, through)
            hasMoved = end > after
            for index in partitions.indices {
                guard let partition = partitions[index], !partition.isLeaving,
                    partition.cursor == after
                else { continue }
                partitions[index]?.cursor = max(end, after)
            }
        case .lane(let scope, let after, let through):
            let events = page.events.prefix { $0.position <= through }
            let end = takeLane(scope, after, events, moment) ?? min(page.scannedThrough, through)
            for index in partitions.indices {
                guard let partition = partitions[index], !partition.isLeaving,
                    let position = partition.lanes[scope], position >= after
                else { continue }
                if advanceLane(scope, in: index, to: end) { hasMoved = true }
            }
        case .wait, .none: return
        }
        if !hasMoved { stuck.insert(read) }
    }

    /// - Returns: Where it had to stop; nil when it took all.
    private mutating func takeMain(
        _ after: Position, _ events: ArraySlice<RecordedEvent>, _ moment: WorkItem.Taken
    ) -> Position? {
        for event in events {
            guard let partition = partitions[event.partition], !partition.isLeaving,
                partition.cursor == after, items[event.position] == nil
            else { continue }
            guard byteRoom > 0 else { return event.position.previous }
            let key = WorkKey(tenant: event.tenant, key: event.partitionKey)
            // Behind the cursor nothing would say any more that it may be begun.
            if partition.mayBeBegun(event.position) {
                take(event, isInLane: false, moment)
                continue
            }
            if partition.leavesToLane(key) { continue }
            if let scope = lane(for: key) {
                guard lanes.contains(scope) || hasLaneRoom(for: scope) else {
                    return event.position.previous
                }
                openLane(scope, in: event.partition, after: event.position.previous)
                continue
            }
            take(event, isInLane: false, moment)
        }
        return nil
    }

    private mutating func takeLane(
        _ scope: LaneScope, _ after: Position, _ events: ArraySlice<RecordedEvent>,
        _ moment: WorkItem.Taken
    ) -> Position? {
        for event in events {
            guard let partition = partitions[event.partition], !partition.isLeaving,
                let position = partition.lanes[scope], position >= after, event.position > position,
                event.position <= partition.limit(of: scope), items[event.position] == nil,
                scope.key?.isSpelled(as: event.partitionKey) ?? true
            else { continue }
            guard byteRoom > 0 else { return event.position.previous }
            let key = WorkKey(tenant: event.tenant, key: event.partitionKey)
            if scope.key == nil {
                let inner = LaneScope(tenant: key.tenant, key: key.key)
                if partition.lanes[inner] != nil { continue }
                guard load.tenants[key.tenant, default: 0] < room, !isParkedOut(key.tenant),
                    load.tenantBytes[key.tenant, default: 0] < byteRoom
                else { return event.position.previous }
                if isOverShare(key) {
                    guard hasLaneRoom(for: inner), !hasManyLanes(key.tenant) else {
                        return event.position.previous
                    }
                    openLane(inner, in: event.partition, after: event.position.previous)
                    continue
                }
            } else if isOverShare(key) || room == 0 {
                return event.position.previous
            }
            take(event, isInLane: true, moment)
        }
        return nil
    }

    /// The lane that must be opened for an event of this key, if it cannot be taken up.
    private func lane(for key: WorkKey) -> LaneScope? {
        if rules.isShared,
            load.tenants[key.tenant, default: 0] >= max(1, room) || isParkedOut(key.tenant)
                || load.tenantBytes[key.tenant, default: 0] >= max(1, byteRoom)
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

    /// A key that waits for long needs none.
    private func hasLaneRoom(for scope: LaneScope) -> Bool {
        if laneRoom > 0 { return true }
        guard let key = scope.key else { return false }
        return keys[WorkKey(tenant: scope.tenant, key: key)]?.isBlocked == true
    }

    private func isOverShare(_ key: WorkKey) -> Bool {
        guard let queue = keys[key] else { return false }
        return queue.count >= keyShare || queue.isBlocked
    }

    /// Runs of one key may be as long as this; where there is little room, each gets little, and so
    /// it is where much would wait for long with its first.
    private var keyShare: Int {
        rules.givesRuns
            ? max(limits.keyShare, min(room / 4, parkingRoom / 16)) : limits.keyShare
    }

    private mutating func take(
        _ event: RecordedEvent, isInLane: Bool, _ moment: WorkItem.Taken
    ) {
        if let newestTenant, newestTenant != event.tenant { tenantsChanged = moment.at }
        newestTenant = event.tenant
        var item = WorkItem(event, isOrdered: rules.isOrdered)
        guard rules.marksBegun, let partition = partitions[event.partition] else {
            insert(item)
            note(event.position)
            return
        }
        if partition.mayBeBegun(event.position) {
            item.attempt = 1
            item.lost = 1
            insert(item)
            partitions[event.partition]?.goPast(event.position)
            tellOfLoss(of: item, at: moment)
        } else if !isInLane {
            item.isWritten = false
            partitions[event.partition]?.unwritten.append(event.position)
            insert(item)
            return
        } else {
            insert(item)
        }
        note(event.position)
    }
}
