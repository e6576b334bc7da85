public import Events
public import Postgres

/// The handlers' books in Postgres.
public struct PostgresBooks: HandlerBooks {
    let store: ConsumerStore
    let pageSize: Int

    public init(pool: PostgresPool) {
        self.init(pool: pool, pageSize: 2_000)
    }

    /// - Parameter pageSize: Rows, or a table's blocks, that one statement changes at most where much
    ///   is to be changed.
    init(pool: PostgresPool, pageSize: Int) {
        store = ConsumerStore(pool: pool)
        self.pageSize = pageSize
    }

    /// Source: `SQL/handlers_register_consumers.sql`, `SQL/handlers_register.sql`,
    /// `SQL/handlers_find.sql`, `SQL/handlers_update.sql`, `SQL/handlers_adopt.sql`,
    /// `SQL/handlers_register_patterns.sql`.
    public func register(_ handlers: [HandlerDescription]) async throws -> [StoredHandler] {
        // In one order, so that nodes that start together do not wait for each other in a circle.
        let handlers = handlers.sorted { $0.name < $1.name }
        let patterns = handlers.flatMap { handler in
            handler.types.map { (handler: handler.name, pattern: $0) }
        }
        return try await store.transaction { transaction in
            let names = Parameter.textArray(handlers.map(\.name))
            let effects = Parameter.boolArray(handlers.map(\.hasExternalSideEffects))
            let consumers = Parameter.textArray(handlers.map(\.consumer))
            _ = try await transaction.execute(ConsumerSQL.handlersRegisterConsumers, [consumers])
            _ = try await transaction.execute(
                ConsumerSQL.handlersRegister, [names, consumers, effects])
            let stored = try await transaction.execute(ConsumerSQL.handlersFind, [names])
            try Self.check(stored, against: handlers)
            _ = try await transaction.execute(ConsumerSQL.handlersUpdate, [names, effects])
            _ = try await transaction.execute(ConsumerSQL.handlersAdopt, [])
            _ = try await transaction.execute(
                ConsumerSQL.handlersRegisterPatterns,
                [
                    .textArray(patterns.map(\.handler)),
                    .textArray(patterns.map(\.pattern.text)),
                    .textArray(patterns.map(\.pattern.regularExpression)),
                ])
            return try stored.map { try $0.handler() }
        }
    }

    /// A name is one consumer's: who would share it would have another's progress and dead letters.
    private static func check(_ stored: Rows, against handlers: [HandlerDescription]) throws {
        var consumers: [String: String] = [:]
        for row in stored { consumers[try row.string(0)] = try row.string(4) }
        let faults = handlers.filter { consumers[$0.name] != $0.consumer }.map { handler in
            FieldViolation(
                field: "handlers.\(handler.name)",
                description: "is another kind of handler already")
        }
        guard faults.isEmpty else { throw EventsError.invalid(faults) }
    }

    /// Source: `SQL/handlers_find.sql`.
    public func find(_ name: String) async throws -> StoredHandler? {
        let rows = try await store.execute(ConsumerSQL.handlersFind, [.textArray([name])])
        guard let row = rows.first else { return nil }
        return try ConsumerStore.reading { () throws(PostgresError) in try row.handler() }
    }

    /// Source: `SQL/handler_pause.sql`.
    public func pause(_ handler: String, _ isPaused: Bool) async throws -> Bool {
        let rows = try await store.execute(
            ConsumerSQL.handlerPause, [.text(handler), .bool(isPaused)])
        return !rows.isEmpty
    }

    /// Source: `SQL/handlers_list.sql`.
    public func standings(of name: String?) async throws -> [HandlerStanding] {
        let rows = try await store.execute(ConsumerSQL.handlersList, [.text(name)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var standings: [HandlerStanding] = []
            for row in rows { standings.append(try row.handlerStanding()) }
            return standings
        }
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
            [.positions(events.map(\.position)), .textArray(events.map(\.type))]
                + Self.places(events))
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

    /// Partitions, tenants, partition keys.
    private static func places(_ events: [RecordedEvent]) -> [Parameter] {
        [
            .partitions(events.map(\.partition)), .textArray(events.map(\.tenant.rawValue)),
            .textArray(events.map(\.partitionKey)),
        ]
    }

    /// Source: `SQL/handler_unreached.sql`.
    public func unreached(
        _ handler: String, _ events: [RecordedEvent]
    ) async throws -> Set<Position> {
        let rows = try await store.execute(
            ConsumerSQL.handlerUnreached,
            [.text(handler), .positions(events.map(\.position))] + Self.places(events))
        return try ConsumerStore.reading { () throws(PostgresError) in
            var positions: Set<Position> = []
            for row in rows { positions.insert(try row.position(0)) }
            return positions
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

extension Row {
    /// As `SQL/handlers_list.sql` has it.
    func handlerStanding() throws(PostgresError) -> HandlerStanding {
        let position = try position(6)
        let head = try self.position(7)
        let state: HandlerStanding.State =
            if try bool(3) { .paused } else if try bool(4) { .rebuilding } else if try bool(5) {
                .broken
            } else { .running }
        return HandlerStanding(
            name: try string(0), types: try strings(1).compactMap(TypePattern.init), state: state,
            hasExternalSideEffects: try bool(2), position: position,
            lagEvents: head > position ? head.rawValue - position.rawValue : 0,
            lag: .seconds(max(0, try optionalDouble(8) ?? 0)),
            succeeded: UInt64(clamping: try int64(9)), failed: UInt64(clamping: try int64(10)),
            retrying: UInt64(clamping: try int64(11)),
            deadLettered: UInt64(clamping: try int64(12)), nodes: try strings(13))
    }

    /// As `SQL/handlers_find.sql` has it.
    fileprivate func handler() throws(PostgresError) -> StoredHandler {
        StoredHandler(
            name: try string(0), consumer: try int32(1), version: try int64(2),
            isPaused: try bool(3))
    }
}
