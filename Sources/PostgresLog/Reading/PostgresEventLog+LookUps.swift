public import Events
import Postgres

extension PostgresEventLog {
    public func bounds() async throws -> LogBounds {
        do {
            return try LogBounds(await pool.execute(SQLText.bounds).only())
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

    public func lookUp(_ id: EventID, tenant: TenantID) async throws -> EventLookUp {
        do {
            let rows = try await readEvents(
                SQLText.eventsByID, [.uuidArray([id.bits]), .text(tenant.rawValue)],
                lackColumn: 26)
            guard let position = try rows.first?.optionalInt64(0) else { return .unknown }
            let event = try await events(in: rows, firstColumn: 2).first
            return event.map { .found($0) } ?? .expired(Position(UInt64(position)))
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func places(of ids: [EventID], tenant: TenantID) async throws -> [EventPlace] {
        do {
            let rows = try await readEvents(
                SQLText.placesByID, [.uuidArray(ids.map(\.bits)), .text(tenant.rawValue)],
                lackColumn: 3)
            guard let first = rows.first else { return [] }
            var numbers: Set<Int32> = []
            for row in rows where try !row.isNull(2) { numbers.insert(try row.int32(2)) }
            let types = try await directory.names(
                tenants: [], types: numbers, epoch: first.epoch(1)
            ).types
            return try rows.map { row in
                guard let position = try row.optionalInt64(0).map({ Position(UInt64($0)) })
                else { return .unknown }
                guard try !row.isNull(2) else { return .expired(position) }
                guard let type = types[try row.int32(2)] else {
                    throw PostgresError(.schemaMismatch, "an event's type has no name")
                }
                return .stored(position, type: type.name)
            }
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    public func events(at positions: [Position], maxBytes: Int) async throws -> EventsAtPositions {
        do {
            let rows = try await readEvents(
                SQLText.eventsByPosition,
                [.int8Array(positions.map { Int64($0.rawValue) }), .int8(Int64(maxBytes))],
                lackColumn: 26)
            return EventsAtPositions(
                events: try await events(in: rows, firstColumn: 2), count: rows.count)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// The events of those rows that have one; of the first row, the column before an event's is the
    /// log's epoch.
    func events(in rows: Rows, firstColumn: Int) async throws -> [RecordedEvent] {
        let reader = EventRow(first: firstColumn)
        guard let names = try await names(in: rows, reader) else { return [] }
        var events: [RecordedEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows where try !reader.isNull(row) {
            let (tenant, type) = try names.of(row, reader)
            events.append(try reader.event(row, tenant: tenant, type: type))
        }
        return events
    }

    /// Names of tenants and types.
    struct Names {
        let tenants: [Int32: TenantID]
        let types: [Int32: Directory.TypeKey]

        func of(_ row: Row, _ reader: EventRow) throws(PostgresError) -> (
            TenantID, Directory.TypeKey
        ) {
            guard let tenant = tenants[try reader.tenant(row)],
                let type = types[try reader.type(row)]
            else {
                throw PostgresError(.schemaMismatch, "an event's tenant or type has no name")
            }
            return (tenant, type)
        }
    }

    /// The names that the rows' events need; nil when none of them has an event.
    func names(in rows: Rows, _ reader: EventRow) async throws -> Names? {
        var tenants: Set<Int32> = []
        var types: Set<Int32> = []
        var last: (tenant: Int32, type: Int32)?
        for row in rows where try !reader.isNull(row) {
            let found = (tenant: try reader.tenant(row), type: try reader.type(row))
            if let last, last == found { continue }
            last = found
            tenants.insert(found.tenant)
            types.insert(found.type)
        }
        guard !tenants.isEmpty, let first = rows.first else { return nil }
        let names = try await directory.names(
            tenants: tenants, types: types, epoch: first.epoch(reader.first - 1))
        return Names(tenants: names.tenants, types: names.types)
    }
}
