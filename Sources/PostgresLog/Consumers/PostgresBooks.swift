public import Events
public import Postgres

/// The handlers' books in Postgres.
public struct PostgresBooks: HandlerBooks {
    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/handlers_register.sql`, `SQL/handlers_register_patterns.sql`.
    public func register(_ handlers: [HandlerDescription]) async throws {
        // In one order, so that nodes that start together do not wait for each other in a circle.
        let handlers = handlers.sorted { $0.name < $1.name }
        let patterns = handlers.flatMap { handler in
            handler.types.map { (handler: handler.name, pattern: $0) }
        }
        try await store.transaction { transaction in
            _ = try await transaction.execute(
                ConsumerSQL.handlersRegister,
                [
                    .textArray(handlers.map(\.name)),
                    .boolArray(handlers.map(\.hasExternalSideEffects)),
                ])
            _ = try await transaction.execute(
                ConsumerSQL.handlersRegisterPatterns,
                [
                    .textArray(patterns.map(\.handler)),
                    .textArray(patterns.map(\.pattern.text)),
                    .textArray(patterns.map(\.pattern.regularExpression)),
                ])
        }
    }

    /// Source: `SQL/handler_claim.sql`.
    public func claim(_ handler: String, fence: Int64) async throws -> Position {
        let rows = try await store.execute(
            ConsumerSQL.handlerClaim, [.text(handler), .int8(fence)])
        guard let row = rows.first else { throw BooksError.fenced }
        return try ConsumerStore.reading { () throws(PostgresError) in try row.position(0) }
    }

    /// Source: `SQL/handler_commit.sql`, `SQL/handler_fail.sql`, the projections' statements.
    public func commit(_ work: HandlerWork) async throws {
        let failed = work.runs.filter(\.outcome.isFailure)
        let changes = work.runs.flatMap(\.changes)
        let parameters = commitParameters(work)
        let hasMoved: Bool
        if failed.isEmpty && changes.isEmpty {
            hasMoved = !(try await store.execute(ConsumerSQL.handlerCommit, parameters)).isEmpty
        } else {
            hasMoved = try await store.transaction { transaction in
                let rows = try await transaction.execute(ConsumerSQL.handlerCommit, parameters)
                guard !rows.isEmpty else { return false }
                if !failed.isEmpty {
                    _ = try await transaction.execute(
                        ConsumerSQL.handlerFail, Self.failParameters(work.consumer, failed))
                }
                try await transaction.apply(changes)
                return true
            }
        }
        if !hasMoved { try await confirm(work) }
    }

    private func commitParameters(_ work: HandlerWork) -> [Parameter] {
        [
            .text(work.handler), .int8(work.fence), .position(work.from), .position(work.through),
            .text(work.node),
        ] + LedgerColumns.parameters(work.runs)
    }

    private static func failParameters(
        _ consumer: String, _ failed: [HandlerRun]
    ) -> [Parameter] {
        [
            .text(consumer), .positions(failed.map(\.event.position)),
            .textArray(failed.map { $0.failure?.message ?? "" }),
        ]
    }

    /// The cursor did not move: it had been moved by this very work, or is another's by now.
    private func confirm(_ work: HandlerWork) async throws {
        let rows = try await store.execute(ConsumerSQL.handlerState, [.text(work.handler)])
        guard let row = rows.first else { throw BooksError.fenced }
        let (position, fence) = try ConsumerStore.reading { () throws(PostgresError) in
            (try row.position(0), try row.int64(1))
        }
        guard fence == work.fence, position == work.through else { throw BooksError.fenced }
    }

    /// Source: `SQL/handlers_progress.sql`.
    public func progress() async throws -> [HandlerProgress] {
        let rows = try await store.execute(ConsumerSQL.handlersProgress)
        return try ConsumerStore.reading { () throws(PostgresError) in
            var handlers: [HandlerProgress] = []
            for row in rows {
                let name = try row.string(0)
                var patterns: [HandlerProgress.Pattern] = []
                if handlers.last?.name == name { patterns = handlers.removeLast().patterns }
                if let pattern = TypePattern(try row.string(3)) {
                    patterns.append(.init(pattern: pattern, countsAfter: try row.position(4)))
                }
                handlers.append(
                    HandlerProgress(
                        name: name, patterns: patterns, hasExternalSideEffects: try row.bool(1),
                        position: try row.position(2)))
            }
            return handlers
        }
    }

    /// Source: `SQL/event_standings.sql`.
    public func standings(of events: [RecordedEvent]) async throws -> [EventStanding] {
        let rows = try await store.execute(
            ConsumerSQL.eventStandings,
            [.positions(events.map(\.position)), .textArray(events.map(\.type))])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var standings: [EventStanding] = []
            for row in rows {
                let status = EventStatus(rawValue: Int(try row.int32(0))) ?? .pending
                let isOver = status == .processed || status == .failed
                standings.append(
                    EventStanding(
                        status: status, processedAt: isOver ? try row.optionalTime(1) : nil,
                        errorMessage: try row.optionalString(2) ?? ""))
            }
            return standings
        }
    }

    /// Source: `SQL/event_deliveries.sql`.
    public func deliveries(at position: Position, limit: Int) async throws -> DeliveryHistory {
        let rows = try await store.execute(
            ConsumerSQL.eventDeliveries, [.position(position), .int8(Int64(limit) + 1)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var records: [DeliveryRecord] = []
            for row in rows { records.append(try LedgerColumns.record(row)) }
            return DeliveryHistory(
                records: Array(records.prefix(limit)), isTruncated: records.count > limit)
        }
    }

    /// Source: `SQL/unfinished_oldest.sql`, `SQL/unfinished_newest.sql`.
    public func unfinished(_ query: UnfinishedQuery) async throws -> [Position] {
        var tenants = Parameter.null
        if case .only(let some) = query.tenants {
            tenants = .textArray(some.map(\.rawValue))
        }
        let rows = try await store.execute(
            query.oldestFirst ? ConsumerSQL.unfinishedOldest : ConsumerSQL.unfinishedNewest,
            [
                .bool(query.onlyFailed), tenants, .position(query.after),
                .position(query.before), .int8(Int64(query.limit)),
            ])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var positions: [Position] = []
            for row in rows { positions.append(try row.position(0)) }
            return positions
        }
    }
}
