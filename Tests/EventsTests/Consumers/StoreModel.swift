@testable import Events

/// The books of one consumer as `SQL/` keeps them, in memory, with what a crash would leave of them.
struct StoreModel {
    struct Partition {
        var cursor = Position.zero
        var begun = Position.zero
        var holder: String?
        var fence: Int64 = 0
        var serial: Int64 = 0
        var work: [Position: StoredWork] = [:]
        var verdicts: [Position: Verdict] = [:]
        var lanes: [LaneScope: Position] = [:]

        /// Nobody has heard of it that it is to be tried again, nor of it.
        func isUnheard(_ work: StoredWork) -> Bool {
            work.ticket == 0 && verdicts[work.position]?.action == .revive
        }
    }

    struct Tables {
        var partitions = Array(repeating: Partition(), count: Events.Partition.count)
        var deadLetters: Set<Position> = []
        /// Finished, and not tried again since.
        var over: Set<Position> = []
        /// Attempts whose end the ledger tells.
        var ends: Set<End> = []
        /// Events whose changes were made.
        var changed: Set<Position> = []
    }

    struct End: Hashable {
        let position: Position
        let attempt: Int
    }

    /// Events whose changes break a rule of their table.
    var unacceptable: Set<Position> = []
    /// Dead letters of which somebody said something: their attempts begin anew.
    private var resolved: Set<Position> = []
    /// The first promise that the batches broke.
    private(set) var fault: String?
    /// How often something was tried again.
    private var revivals: Int64 = 0
    /// Members live in their nodes: an attempt has one end.
    var isLocal = false

    private(set) var tables = Tables()
    /// What is on the disk.
    private var flushed = Tables()
    var alive: Set<String> = []

    /// The newest batches that nobody waited for are gone.
    mutating func crash() { tables = flushed }

    mutating func take(_ wanted: [Int], node: String) -> [TakenPartition] {
        var taken: [TakenPartition] = []
        for index in wanted {
            let holder = tables.partitions[index].holder
            guard holder.map({ $0 == node || !alive.contains($0) }) ?? true else { continue }
            tables.partitions[index].holder = node
            tables.partitions[index].fence += 1
            let partition = tables.partitions[index]
            taken.append(
                TakenPartition(
                    partition: index, fence: partition.fence, serial: partition.serial,
                    cursor: partition.cursor, begun: partition.begun,
                    work: partition.work.values.filter { !partition.isUnheard($0) }
                        .sorted { $0.position < $1.position },
                    lanes: partition.lanes.map { StoredLane(scope: $0, position: $1) }
                        .sorted { $0.name < $1.name }))
        }
        flushed = tables
        return taken
    }

    mutating func commit(_ batch: ConsumerBatch) -> BatchAnswer {
        var answer = BatchAnswer()
        if batch.isRepeated, batch.shares.contains(where: isStored) {
            answer.refused = Set(batch.shares.filter { !isStored($0) }.map(\.partition))
            for row in batch.rows
            where tables.partitions[row.partition].verdicts[row.work.position] != nil
                && !answer.refused.contains(row.partition)
            {
                answer.remarked.insert(row.work.position)
            }
            return answer
        }
        let refused = batch.changes.map(\.position).filter(unacceptable.contains)
        if !refused.isEmpty {
            answer.unacceptable = Set(refused)
            return answer
        }
        for share in batch.shares {
            let partition = tables.partitions[share.partition]
            guard partition.fence == share.fence, partition.serial == share.serial,
                partition.holder == batch.node
            else {
                answer.refused.insert(share.partition)
                continue
            }
            apply(batch, share, &answer)
        }
        if batch.isDurable { flushed = tables }
        return answer
    }

    private func isStored(_ share: ConsumerBatch.Share) -> Bool {
        let partition = tables.partitions[share.partition]
        return partition.fence == share.fence && partition.serial == share.serial + 1
    }

    private mutating func apply(
        _ batch: ConsumerBatch, _ share: ConsumerBatch.Share, _ answer: inout BatchAnswer
    ) {
        let index = share.partition
        var partition = tables.partitions[index]
        if share.cursor < partition.cursor { fail("a cursor of \(index) went back") }
        partition.cursor = max(partition.cursor, share.cursor)
        partition.begun = share.begun
        partition.serial += 1
        if share.isReleased { partition.holder = nil }
        for row in batch.rows where row.partition == index {
            if let heeded = row.heeded,
                partition.verdicts[row.work.position]?.action == heeded
            {
                partition.verdicts[row.work.position] = nil
            }
            if partition.verdicts[row.work.position] != nil {
                answer.remarked.insert(row.work.position)
            } else {
                partition.work[row.work.position] = row.work
                if row.work.position > partition.cursor {
                    fail("\(row.work.position) has a row beyond the cursor")
                }
            }
        }
        var decided: Set<Position> = []
        for finish in batch.finished where finish.partition == index {
            if let action = partition.verdicts[finish.position]?.action,
                action == .ack || action == .discard
            {
                decided.insert(finish.position)
            }
            if finish.resolution == .letGo, partition.verdicts[finish.position] != nil { continue }
            let work = partition.work.removeValue(forKey: finish.position)
            partition.verdicts[finish.position] = nil
            if !finish.isWritten, work != nil { fail("\(finish.position) had a row") }
            if finish.position > partition.cursor {
                fail("\(finish.position) is over beyond the cursor")
            }
            tables.over.insert(finish.position)
            if finish.resolution.rawValue > 0, work?.isRevived == true {
                tables.deadLetters.remove(finish.position)
            }
        }
        for failure in batch.deadLetters
        where failure.partition == index && !answer.remarked.contains(failure.position)
            && !decided.contains(failure.position)
        {
            tables.deadLetters.insert(failure.position)
        }
        note(batch, in: index)
        for lane in batch.lanes where lane.partition == index {
            partition.lanes[lane.scope] = lane.position
        }
        tables.partitions[index] = partition
    }

    private mutating func note(_ batch: ConsumerBatch, in index: Int) {
        for change in batch.changes where change.partition == index {
            if !tables.changed.insert(change.position).inserted {
                fail("\(change.position) was applied twice")
            }
        }
        guard isLocal else { return }
        for record in batch.records
        where record.partition == index && !resolved.contains(record.position) {
            let end = End(position: record.position, attempt: record.attempt)
            if !tables.ends.insert(end).inserted {
                fail("attempt \(record.attempt) of \(record.position) ended twice")
            }
        }
    }

    private mutating func fail(_ text: String) { fault = fault ?? text }

    mutating func remark(_ answer: TokenAnswer) -> Bool {
        let token = answer.token
        let partition = tables.partitions[token.partition]
        guard let work = partition.work[token.position], work.ticket == token.ticket,
            work.fence == token.fence, work.state != .held
        else { return false }
        if let before = partition.verdicts[token.position], before.action != .extend {
            return false
        }
        tables.partitions[token.partition].verdicts[token.position] = answer.verdict
        flushed = tables
        return true
    }

    func remarks(in partitions: [Int]) -> [Remark] {
        allRemarks(in: partitions).filter { $0.verdict.action != .revive }
    }

    func revivals(in partitions: [Int], _ room: RevivalRoom) -> [Remark] {
        let all = allRemarks(in: partitions).filter { remark in
            remark.verdict.action == .revive
                && (room.isForAll || !tables.partitions[remark.partition].isUnheard(remark.work))
        }
        return Array(all.sorted { $0.work.position < $1.work.position }.prefix(room.count))
    }

    private func allRemarks(in partitions: [Int]) -> [Remark] {
        partitions.flatMap { index in
            let partition = tables.partitions[index]
            return partition.verdicts.sorted { $0.key < $1.key }.compactMap { position, verdict in
                partition.work[position].map {
                    Remark(partition: index, work: $0, verdict: verdict)
                }
            }
        }
    }

    /// A dead letter is to be tried again, or to go.
    mutating func resolve(_ event: RecordedEvent, _ action: Verdict.Action) {
        guard tables.deadLetters.contains(event.position) else { return }
        tables.over.remove(event.position)
        resolved.insert(event.position)
        let index = event.partition
        let work = tables.partitions[index].work[event.position]
        if action == .discard {
            tables.deadLetters.remove(event.position)
            if work != nil {
                tables.partitions[index].verdicts[event.position] = Verdict(.discard)
            }
            flushed = tables
            return
        } else if work == nil {
            tables.partitions[index].work[event.position] = StoredWork(
                position: event.position, state: .held, attempt: 0, lost: 0, ticket: 0, fence: 0,
                delay: .zero, isRevived: true)
        } else if work?.state != .held {
            return
        }
        guard tables.partitions[index].verdicts[event.position] == nil else { return }
        revivals += 1
        tables.partitions[index].work[event.position]?.revival = revivals
        tables.partitions[index].verdicts[event.position] = Verdict(action)
        flushed = tables
    }

    /// Whether nothing is left to be done with an event.
    func isOver(_ event: RecordedEvent) -> Bool {
        let partition = tables.partitions[event.partition]
        guard event.position <= partition.cursor, partition.work[event.position] == nil else {
            return false
        }
        let key = LaneScope(tenant: event.tenant, key: event.partitionKey)
        let tenant = LaneScope(tenant: event.tenant, key: nil)
        return [key, tenant].allSatisfy { scope in
            partition.lanes[scope].map { event.position <= $0 } ?? true
        }
    }
}

extension StoredLane {
    fileprivate var name: String { "\(scope.tenant.rawValue)/\(scope.key ?? "")" }
}
