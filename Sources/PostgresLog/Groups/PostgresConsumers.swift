public import Events
import Postgres

/// The books of consumers that share work by partitions, in Postgres.
public struct PostgresConsumers: ConsumerBooks {
    let store: ConsumerStore
    private let log: PostgresEventLog

    /// - Parameter log: Reads events, over its pool.
    public init(log: PostgresEventLog) {
        store = ConsumerStore(pool: log.pool)
        self.log = log
    }

    /// Source: `SQL/consumer_beat.sql`.
    public func beat(
        _ node: String, for time: Duration, members: [ConsumerMembers]
    ) async throws {
        _ = try await store.execute(
            GroupSQL.beat,
            [
                .text(node), .int8(LedgerColumns.microseconds(time) / 1_000),
                .int4Array(members.map(\.consumer)),
                .int4Array(members.map { Int32(clamping: $0.count) }),
                .boolArray(members.map(\.isBroken)),
            ])
    }

    /// Source: `SQL/consumer_end.sql`.
    public func end(_ node: String) async throws {
        _ = try await store.execute(GroupSQL.end, [.text(node)])
    }

    /// Source: `SQL/consumer_survey.sql`.
    public func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey] {
        let rows = try await store.execute(GroupSQL.survey, [.int4Array(consumers)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var surveys: [ConsumerSurvey] = []
            for row in rows {
                var members: [String: Int] = [:]
                for (node, count) in zip(try row.strings(3), try row.int32s(4)) {
                    members[node] = Int(count)
                }
                let marks = zip(try row.int64s(6), try row.int64s(7))
                surveys.append(
                    ConsumerSurvey(
                        consumer: try row.int32(0), version: try row.optionalInt64(1),
                        holders: try row.strings(2).map { $0.isEmpty ? nil : $0 },
                        marks: marks.map(PartitionMark.init), members: members,
                        hasRemarks: try row.bool(5)))
            }
            return surveys
        }
    }

    /// Source: `SQL/partitions_take.sql`, `SQL/work_left.sql`, `SQL/lanes_left.sql`,
    /// `SQL/begun_left.sql`.
    public func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition] {
        let taken = try await store.execute(
            GroupSQL.take,
            [.int4(consumer), .text(node), .partitions(partitions), .int8(version)])
        guard !taken.isEmpty else { return [] }
        let numbers = try ConsumerStore.reading { () throws(PostgresError) in
            var numbers: [Int] = []
            for row in taken { numbers.append(Int(try row.int16(0))) }
            return numbers
        }
        // Whoever held them cannot write any more, so what is read now stays so.
        let left: [Parameter] = [.int4(consumer), .partitions(numbers)]
        let works = try await store.execute(GroupSQL.workLeft, left)
        let lanes = try await store.execute(GroupSQL.lanesLeft, left)
        let begun = try await store.execute(GroupSQL.begunLeft, left)
        return try ConsumerStore.reading { () throws(PostgresError) in
            var workOf: [Int: [StoredWork]] = [:]
            for row in works { workOf[Int(try row.int16(0)), default: []].append(try row.work()) }
            var lanesOf: [Int: [StoredLane]] = [:]
            for row in lanes {
                lanesOf[Int(try row.int16(0)), default: []].append(try row.lane())
            }
            var begunOf: [Int: Position] = [:]
            for row in begun { begunOf[Int(try row.int16(0))] = try row.position(1) }
            var partitions: [TakenPartition] = []
            for row in taken {
                let number = Int(try row.int16(0))
                partitions.append(
                    TakenPartition(
                        partition: number, fence: try row.int64(1), serial: try row.int64(2),
                        cursor: try row.position(3), begun: begunOf[number] ?? .zero,
                        work: workOf[number] ?? [], lanes: lanesOf[number] ?? []))
            }
            return partitions
        }
    }

    /// Source: `SQL/consume.sql`, the projections' statements.
    public func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer {
        if !batch.changes.isEmpty { return try await commitChanges(batch) }
        let rows = try await store.execute(GroupSQL.consume, batch.parameters)
        return try ConsumerStore.reading { () throws(PostgresError) in
            try Recorded(rows).answer
        }
    }

    /// Source: `SQL/remarks.sql`.
    public func remarks(_ consumer: Int32, partitions: [Int]) async throws -> [Remark] {
        let rows = try await store.execute(
            GroupSQL.remarks, [.int4(consumer), .partitions(partitions)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var remarks: [Remark] = []
            for row in rows {
                guard let action = Verdict.Action(rawValue: Int(try row.int16(10))) else {
                    continue
                }
                remarks.append(
                    Remark(
                        partition: Int(try row.int16(0)), work: try row.work(),
                        verdict: Verdict(
                            action, reason: try row.string(11),
                            delay: .microseconds(try row.int64(12)))))
            }
            return remarks
        }
    }

    /// Source: `SQL/revivals.sql`.
    public func revivals(
        _ consumer: Int32, partitions: [Int], within time: Duration, room: RevivalRoom
    ) async throws -> [Remark] {
        let rows = try await store.execute(
            GroupSQL.revivals,
            [
                .int4(consumer), .partitions(partitions),
                .int8(LedgerColumns.microseconds(time)), .int8(Int64(room.count)),
                .bool(room.isForAll),
            ])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var remarks: [Remark] = []
            for row in rows {
                let work = try row.work()
                let verdict =
                    try row.bool(10) ? Verdict(.revive, delay: work.delay) : Verdict(.discard)
                remarks.append(
                    Remark(partition: Int(try row.int16(0)), work: work, verdict: verdict))
            }
            return remarks
        }
    }

    /// Source: `SQL/remark.sql`.
    public func remark(_ consumer: Int32, _ answers: [TokenAnswer]) async throws -> [Bool] {
        let rows = try await store.execute(
            GroupSQL.remark,
            [
                .int4(consumer), .partitions(answers.map(\.token.partition)),
                .positions(answers.map(\.token.position)),
                .int8Array(answers.map(\.token.fence)), .int4Array(answers.map(\.token.ticket)),
                .int2Array(answers.map { Int16($0.verdict.action.rawValue) }),
                .textArray(answers.map(\.verdict.reason)),
                .int8Array(answers.map { LedgerColumns.microseconds($0.verdict.delay) }),
            ])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var counts = Array(repeating: false, count: answers.count)
            for row in rows { counts[Int(try row.int64(0)) - 1] = true }
            return counts
        }
    }

    /// Source: `SQL/events_kept.sql`.
    public func events(at positions: [Position]) async throws -> [RecordedEvent] {
        do {
            let rows = try await log.pool.execute(GroupSQL.eventsKept, [.positions(positions)])
            let events = try await log.events(in: rows, firstColumn: 1)
            guard events.count < positions.count else { return events }
            // Retention dropped the others. Or this session's list of partitions is an old one.
            let earliest = try await log.bounds().earliest
            let found = Set(events.map(\.position))
            guard !positions.contains(where: { $0 >= earliest && !found.contains($0) }) else {
                throw EventsError.away(.unavailable)
            }
            return events
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }
}

extension Row {
    /// As `SQL/work_left.sql` has it.
    fileprivate func work() throws(PostgresError) -> StoredWork {
        StoredWork(
            position: try position(1),
            state: StoredWork.State(rawValue: Int(try int16(2))) ?? .waiting,
            attempt: Int(try int32(3)), lost: Int(try int32(4)), ticket: try int32(5),
            fence: try int64(6), delay: .microseconds(max(0, try optionalInt64(7) ?? 0)),
            isRevived: try bool(8), revival: try int64(9))
    }

    /// As `SQL/lanes_left.sql` has it.
    fileprivate func lane() throws(PostgresError) -> StoredLane {
        let key = try string(2)
        return StoredLane(
            scope: LaneScope(
                tenant: TenantID(unchecked: try string(1)), key: key.isEmpty ? nil : key),
            position: try position(3))
    }
}
