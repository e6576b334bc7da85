public import Events
import Postgres

extension PostgresEventLog {
    public func bounds() async throws -> LogBounds {
        do {
            let row = try await pool.execute(SQLText.bounds).only()
            let ids = try row.int64s(2)
            let opened = try row.int64s(3)
            let epochs = zip(ids, opened).map { id, position in
                LogEpoch(
                    id: UInt64(bitPattern: id), openedAfter: Position(UInt64(position)))
            }
            guard !epochs.isEmpty else { throw EventsError.away(.connecting) }
            return LogBounds(
                earliest: Position(UInt64(try row.int64(1))),
                head: Position(UInt64(try row.int64(0))), epochs: epochs)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func position(since: Timestamp) async throws -> Position {
        // Recorded times are whole microseconds: what is a little later starts with the next.
        var moment = since.microseconds
        if since.nanosecondsOfMicrosecond > 0 { moment += 1 }
        do {
            let row = try await pool.execute(SQLText.positionSince, [.timestamptz(moment)]).only()
            return Position(UInt64(try row.int64(0)))
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func lookUp(_ ids: [EventID], tenant: TenantID) async throws -> [EventLookUp] {
        do {
            guard let number = try await directory.numbers(of: [tenant]).first else {
                return ids.map { _ in .unknown }
            }
            let rows = try await pool.execute(
                SQLText.eventsByID, [.uuidArray(ids.map(\.bits)), .int4(number)])
            var found = try await events(in: rows, firstColumn: 1).makeIterator()
            return try rows.map { row in
                guard let position = try row.optionalInt64(0) else { return .unknown }
                guard try !row.isNull(1) else { return .expired(Position(UInt64(position))) }
                return found.next().map { .found($0) } ?? .unknown
            }
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func events(at positions: [Position]) async throws -> [RecordedEvent] {
        do {
            let rows = try await pool.execute(
                SQLText.eventsByPosition, [.int8Array(positions.map { Int64($0.rawValue) })])
            return try await events(in: rows, firstColumn: 0)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// The events of those rows that have one.
    func events(in rows: Rows, firstColumn: Int) async throws -> [RecordedEvent] {
        let reader = EventRow(first: firstColumn)
        var tenants: Set<Int32> = []
        var types: Set<Int32> = []
        for row in rows where try !reader.isNull(row) {
            tenants.insert(try reader.tenant(row))
            types.insert(try reader.type(row))
        }
        guard !tenants.isEmpty else { return [] }
        let names = try await directory.names(tenants: tenants, types: types)
        var events: [RecordedEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows where try !reader.isNull(row) {
            guard let tenant = names.tenants[try reader.tenant(row)],
                let type = names.types[try reader.type(row)]
            else { throw PostgresError(.schemaMismatch, "an event's tenant or type has no name") }
            events.append(try reader.event(row, tenant: tenant, type: type))
        }
        return events
    }
}
