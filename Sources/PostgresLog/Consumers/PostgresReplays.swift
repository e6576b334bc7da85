public import Events
public import Postgres

/// Replays in Postgres.
public struct PostgresReplays: ReplayStore {
    /// Positions in one row of a plan; a caller asks for no more at once.
    private static let chunk = 1_000
    /// The replay's own success closed a dead letter.
    private static let resolvedByReplay: Int16 = 3

    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/replay_insert.sql` and its sisters.
    public func create(_ replay: NewReplay) async throws -> Replay {
        let isNew = try await store.transaction { transaction in
            let rows = try await transaction.execute(
                ConsumerSQL.replayInsert, Self.insertParameters(replay))
            guard try rows.only().bool(0) else { return false }
            _ = try await transaction.execute(
                ConsumerSQL.replayInsertTargets,
                [
                    .id(replay.id), .textArray(replay.targets.map(\.handler)),
                    .int8Array(replay.targets.map { Int64($0.events) }),
                    .textArray(replay.targets.map(\.skippedReason)),
                ])
            var rest = replay.hasWork ? replay.positions[...] : []
            while let last = rest.prefix(Self.chunk).last {
                _ = try await transaction.execute(
                    ConsumerSQL.replayInsertChunk,
                    [.id(replay.id), .position(last), .positions(Array(rest.prefix(Self.chunk)))])
                rest = rest.dropFirst(Self.chunk)
            }
            return true
        }
        if isNew {
            guard let kept = try await find(replay.id, tenant: replay.tenant) else {
                throw EventsError(.broken, "A replay vanished.")
            }
            return kept
        }
        guard !replay.requestID.isEmpty,
            let known = try await find(requestID: replay.requestID, tenant: replay.tenant)
        else { throw EventsError.tooManyReplays(replay.tenant) }
        return known
    }

    private static func insertParameters(_ replay: NewReplay) -> [Parameter] {
        // A replay with nothing to do is over at once; its id tells when.
        let state: Replay.State = replay.hasWork ? .planned : .completed
        let finished = replay.hasWork ? nil : Int64(replay.id.high >> 16) * 1_000
        return [
            .id(replay.id), .text(replay.tenant.rawValue),
            .text(replay.requestID.isEmpty ? nil : replay.requestID), .text(replay.reason),
            .int2(Int16(state.rawValue)), .int8(Int64(replay.positions.count)),
            .int4(Int32(clamping: replay.maxEventsPerSecond)), .timestamptz(finished),
            .int8(Int64(Replays.maxOpenPerTenant)),
        ]
    }

    /// Source: `SQL/replay_find.sql`.
    public func find(_ id: EventID, tenant: TenantID) async throws -> Replay? {
        let rows = try await store.execute(
            ConsumerSQL.replayFind, [.text(tenant.rawValue), .id(id), .text(nil)])
        return try Self.replays(rows).first
    }

    /// Source: `SQL/replay_find.sql`.
    public func find(requestID: String, tenant: TenantID) async throws -> Replay? {
        let rows = try await store.execute(
            ConsumerSQL.replayFind, [.text(tenant.rawValue), .id(nil), .text(requestID)])
        return try Self.replays(rows).first
    }

    /// Source: `SQL/replay_list.sql`.
    public func list(tenant: TenantID, before: EventID?, limit: Int) async throws -> [Replay] {
        let rows = try await store.execute(
            ConsumerSQL.replayList, [.text(tenant.rawValue), .id(before), .int8(Int64(limit))])
        return try Self.replays(rows)
    }

    private static func replays(_ rows: Rows) throws -> [Replay] {
        try ConsumerStore.reading { () throws(PostgresError) in
            var replays: [Replay] = []
            for row in rows {
                let id = try row.optionalID(0)
                var targets: [Replay.Target] = []
                if replays.last?.id == id { targets = replays.removeLast().targets }
                if let handler = try row.optionalString(6) {
                    targets.append(
                        Replay.Target(
                            handler: handler, events: Int(try row.int64(7)),
                            done: Int(try row.int64(8)), failed: Int(try row.int64(9)),
                            skippedReason: try row.string(10)))
                }
                replays.append(
                    Replay(
                        id: id, state: Replay.State(rawValue: Int(try row.int16(1))) ?? .failed,
                        matched: Int(try row.int64(2)), targets: targets,
                        startedAt: try row.optionalTime(3), finishedAt: try row.optionalTime(4),
                        reason: try row.string(5)))
            }
            return replays
        }
    }

    /// Source: `SQL/replay_cancel.sql`.
    public func cancel(_ id: EventID, tenant: TenantID) async throws -> Replay? {
        _ = try await store.execute(
            ConsumerSQL.replayCancel, [.id(id), .text(tenant.rawValue)])
        return try await find(id, tenant: tenant)
    }

    /// Source: `SQL/replay_waiting.sql`.
    public func waiting(
        for handlers: [String], node: String, limitPerTenant: Int, limit: Int
    ) async throws -> [WaitingReplay] {
        let rows = try await store.execute(
            ConsumerSQL.replayWaiting,
            [
                .textArray(handlers), .text(node), .int8(Int64(limitPerTenant)),
                .int8(Int64(limit)),
            ])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var waiting: [WaitingReplay] = []
            for row in rows {
                guard let id = try row.optionalID(0) else { continue }
                waiting.append(.init(id: id, tenant: TenantID(unchecked: try row.string(1))))
            }
            return waiting
        }
    }

    /// Source: `SQL/replay_stranded.sql`.
    public func stranded(limit: Int) async throws -> [StrandedTarget] {
        let rows = try await store.execute(ConsumerSQL.replayStranded, [.int8(Int64(limit))])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var stranded: [StrandedTarget] = []
            for row in rows {
                guard let id = try row.optionalID(0) else { continue }
                stranded.append(.init(replay: id, handler: try row.string(1)))
            }
            return stranded
        }
    }

    /// Source: `SQL/replay_claim.sql`, `SQL/replay_open_targets.sql`.
    public func claim(_ id: EventID, fence: Int64) async throws -> ReplayJob {
        let claimed = try await store.execute(
            ConsumerSQL.replayClaim, [.id(id), .int8(fence)])
        guard let row = claimed.first else {
            throw try await refusal(id, handler: "", fence: fence)
        }
        let targets = try await store.execute(ConsumerSQL.replayOpenTargets, [.id(id)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var open: [ReplayJob.Target] = []
            for target in targets {
                open.append(
                    .init(
                        handler: try target.string(0), position: try target.position(1),
                        isPaused: try target.bool(2)))
            }
            return ReplayJob(
                id: id, maxEventsPerSecond: Int(try row.int32(0)), targets: open)
        }
    }

    /// Source: `SQL/replay_positions.sql`.
    public func positions(
        _ id: EventID, after: Position, limit: Int
    ) async throws -> [Position] {
        let limit = min(limit, Self.chunk)
        let rows = try await store.execute(
            ConsumerSQL.replayPositions, [.id(id), .position(after), .int8(Int64(limit))])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var positions: [Position] = []
            for row in rows { positions.append(try row.position(0)) }
            return positions
        }
    }

    /// Source: `SQL/replay_attempts.sql`.
    public func attempts(
        _ id: EventID, handler: String, at position: Position
    ) async throws -> Int {
        let rows = try await store.execute(
            ConsumerSQL.replayAttempts, [.id(id), .text(handler), .position(position)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            Int(try rows.only().int32(0))
        }
    }

    /// Source: `SQL/replay_keep_handler.sql`, `SQL/replay_advance.sql`, `SQL/handler_finish.sql`,
    /// `SQL/ledger_append.sql`, the projections' statements.
    public func commit(_ work: ReplayWork) async throws -> Bool {
        let succeeded = work.runs.filter { $0.outcome == .succeeded || $0.outcome == .declined }
        let (hasMoved, isPaused) = try await store.transaction { transaction in
            let handler = try await transaction.execute(
                ConsumerSQL.replayKeepHandler, [.text(work.handler)])
            let isPaused = try handler.first?.bool(0) ?? false
            let moved = try await transaction.execute(
                ConsumerSQL.replayAdvance,
                [
                    .id(work.replay), .int8(work.fence), .text(work.handler),
                    .position(work.from), .position(work.through), .int8(Int64(work.done)),
                    .int8(Int64(work.failed)),
                ])
            guard !moved.isEmpty else { return (false, isPaused) }
            _ = try await transaction.execute(
                ConsumerSQL.ledgerAppend,
                [.text(work.handler), .text(work.node), .id(work.replay)]
                    + LedgerColumns.parameters(work.tries + work.runs))
            let finished = try await transaction.execute(
                ConsumerSQL.handlerFinish,
                [
                    .text(work.handler), .positions(succeeded.map(\.event.position)),
                    .int2(Self.resolvedByReplay),
                ])
            var wereOpen: Set<Position> = []
            for row in finished { wereOpen.insert(try row.position(0)) }
            // What was not open had counted before.
            try await transaction.apply(
                succeeded.filter { wereOpen.contains($0.event.position) }.flatMap(\.changes))
            return (true, isPaused)
        }
        if !hasMoved { try await confirm(work) }
        return isPaused
    }

    private func confirm(_ work: ReplayWork) async throws {
        if let error = try await refusal(work) { throw error }
    }

    /// Nil when the cursor had been moved by this very work.
    private func refusal(_ work: ReplayWork) async throws -> BooksError? {
        let state = try await state(work.replay, handler: work.handler)
        if let state, state.fence == work.fence, state.position == work.through,
            work.from < work.through
        {
            return nil
        }
        return state?.isOver ?? true ? .replayOver : .fenced
    }

    private func refusal(_ id: EventID, handler: String, fence: Int64) async throws -> BooksError {
        try await state(id, handler: handler)?.isOver ?? true ? .replayOver : .fenced
    }

    private func state(
        _ id: EventID, handler: String
    ) async throws -> (isOver: Bool, fence: Int64, position: Position?)? {
        let rows = try await store.execute(
            ConsumerSQL.replayState, [.id(id), .text(handler)])
        guard let row = rows.first else { return nil }
        return try ConsumerStore.reading { () throws(PostgresError) in
            let state = Replay.State(rawValue: Int(try row.int16(0)))
            let position = try row.optionalInt64(2).map { Position(UInt64(clamping: $0)) }
            return (state?.isOver ?? true, try row.int64(1), position)
        }
    }

    /// Source: `SQL/replay_finish.sql`.
    public func finish(_ id: EventID, fence: Int64) async throws {
        _ = try await store.execute(ConsumerSQL.replayFinish, [.id(id), .int8(fence)])
    }
}
