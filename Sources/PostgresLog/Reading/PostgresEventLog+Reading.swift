public import Events
import Postgres

extension PostgresEventLog {
    /// Positions that one read looks at when a filter may drop most of them.
    static let scan: UInt64 = 20_000
    /// Events of some tenants that one read looks at when a filter may drop most of them.
    static let tenantsScan: UInt64 = 5_000
    /// Above so many tenants the whole log is read.
    static let maxTenantsByIndex = 8

    public func read(
        after: Position, through: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage {
        let stretch = try await stretch(
            Stretch(after: after, through: through, backward: false), filter, limit: limit,
            maxBytes: maxBytes)
        try await check(after, in: stretch)
        return EventPage(
            events: stretch.events,
            scannedThrough: max(after, min(stretch.scanned, stretch.head)), head: stretch.head,
            epoch: stretch.epoch)
    }

    func check(_ after: Position, in read: some StretchOfLog) async throws {
        guard after.next >= read.earliest else {
            throw EventsError.positionExpired(try await bounds())
        }
    }

    public func list(_ query: ListQuery) async throws -> Listing {
        var low = Position.zero
        var high = Position.max
        if let since = query.since { low = try await position(since: since) }
        if let until = query.until { high = try await position(since: until) }
        if let beyond = query.beyond {
            if query.oldestFirst {
                low = max(low, beyond)
            } else {
                high = min(high, beyond.previous)
            }
        }
        guard low < high else { return Listing(events: [], next: nil) }
        func read() async throws -> StretchRead {
            try await self.stretch(
                Stretch(after: low, through: high, backward: !query.oldestFirst), query.filter,
                limit: query.limit, maxBytes: query.maxBytes)
        }
        var stretch = try await read()
        if query.oldestFirst {
            // What retention dropped may be most of the log: it is not looked through.
            let dropped = stretch.earliest.previous
            if stretch.events.isEmpty, stretch.scanned < dropped {
                low = dropped
                guard low < high else { return Listing(events: [], next: nil) }
                stretch = try await read()
            }
            let end = min(high, stretch.head)
            return Listing(
                events: stretch.events, next: stretch.scanned < end ? stretch.scanned : nil)
        }
        let end = max(low, stretch.earliest.previous)
        // Nothing lies above the head, so a scan from far above it begins there.
        return Listing(
            events: stretch.events, next: stretch.scanned > end ? stretch.scanned.next : nil)
    }

    /// Between two positions, the first exclusive.
    struct Stretch {
        var after: Position
        var through: Position
        var backward: Bool
    }

    struct StretchRead: StretchOfLog {
        var events: [RecordedEvent]
        /// Forward: all up to here was looked at. Backward: all above here was.
        var scanned: Position
        var head: Position
        var earliest: Position
        var epoch: UInt64
    }

    /// A stretch as the store answered it.
    struct StretchRows: StretchOfLog {
        let rows: Rows
        /// As in ``StretchRead``, when the page has not as many events as it may.
        let scanned: Position
        let head: Position
        let earliest: Position
        let epoch: UInt64

        init(_ rows: Rows, _ stretch: Stretch) throws(PostgresError) {
            guard let first = rows.first else {
                throw PostgresError(.schemaMismatch, "the log has no head")
            }
            self.rows = rows
            // The last row says where the page ended with its bytes.
            var bound = try rows[rows.count - 1].optionalInt64(2)
            if bound == nil { bound = try first.optionalInt64(2) }
            scanned =
                bound.map { Position(UInt64($0)) }
                ?? (stretch.backward ? stretch.after : stretch.through)
            head = Position(UInt64(try first.int64(0)))
            earliest = Position(UInt64(try first.int64(1)))
            epoch = try first.epoch(3)
        }
    }

    /// What SQL counts for a row at least.
    static let bytesOfARow = 512

    /// How many rows a page may come to that has so many bytes.
    static func rows(_ limit: Int, in maxBytes: Int) -> Int {
        min(limit, max(1, (maxBytes + bytesOfARow - 1) / bytesOfARow))
    }

    func stretch(
        _ stretch: Stretch, _ filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> StretchRead {
        do {
            let limit = Self.rows(limit, in: maxBytes)
            let rows = try await rows(stretch, filter, limit: limit, maxBytes: maxBytes)
            let events = try await events(in: rows.rows, firstColumn: Self.firstColumn)
            var read = StretchRead(
                events: events, scanned: rows.scanned, head: rows.head, earliest: rows.earliest,
                epoch: rows.epoch)
            if let last = events.last?.position, events.count >= limit {
                read.scanned = stretch.backward ? last.previous : last
            }
            return read
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// Where the event begins in the rows of a reading statement.
    static let firstColumn = 4
    private static let lackColumn = 28

    /// As far as this node knows; either way of reading is right.
    private func isShort(_ stretch: Stretch) -> Bool {
        let head = observers.history.head
        let end = min(stretch.through, max(head, stretch.after))
        let known = end.rawValue - min(end.rawValue, stretch.after.rawValue)
        return stretch.through == .max
            ? head > .zero && known < shortStretch
            : stretch.through.rawValue - stretch.after.rawValue < shortStretch
    }

    func rows(
        _ stretch: Stretch, _ filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> StretchRows {
        var stretch = stretch
        let rows: Rows
        if case .only(let names) = filter.tenants, names.count <= Self.maxTenantsByIndex,
            !isShort(stretch)
        {
            rows = try await rowsByTenant(stretch, filter, limit: limit, maxBytes: maxBytes)
        } else if filter.takesAll, !stretch.backward {
            // So many positions of a dense log are so many rows.
            stretch.through = min(stretch.through, stretch.after.advanced(by: limit))
            rows = try await readEvents(
                SQLText.readHistory,
                [
                    .int8(Int64(stretch.after.rawValue)), .int8(Int64(stretch.through.rawValue)),
                    .int8(Int64(maxBytes)),
                ], lackColumn: Self.lackColumn)
        } else {
            if !filter.takesAll { stretch = try await bounded(stretch) }
            rows = try await readEvents(
                stretch.backward ? SQLText.readLogBackward : SQLText.readLog,
                parameters(stretch, filter, limit, maxBytes), lackColumn: Self.lackColumn)
        }
        return try StretchRows(rows, stretch)
    }

    /// Each tenant's through its own index.
    private func rowsByTenant(
        _ stretch: Stretch, _ filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> Rows {
        if let only = filter.onlyTenant, filter.takesAllOfItsTenants, !stretch.backward {
            return try await readEvents(
                SQLText.readTenantHistory,
                [
                    .int8(Int64(stretch.after.rawValue)), .int8(Int64(stretch.through.rawValue)),
                    .text(only.rawValue), .int8(Int64(limit)), .int8(Int64(maxBytes)),
                ], lackColumn: Self.lackColumn)
        }
        let scan = stretch.backward ? Self.scan : Self.tenantsScan
        let depth = filter.takesAllOfItsTenants ? UInt64(limit) : scan
        return try await readEvents(
            stretch.backward ? SQLText.readTenantsBackward : SQLText.readTenants,
            parameters(stretch, filter, limit, maxBytes) + [.int8(Int64(depth))],
            lackColumn: Self.lackColumn)
    }

    /// So many positions of a dense log are so many rows.
    private func bounded(_ stretch: Stretch) async throws -> Stretch {
        var stretch = stretch
        if stretch.backward {
            stretch.through = min(stretch.through, try await bounds().head)
            let low = stretch.through.rawValue - min(stretch.through.rawValue, Self.scan)
            stretch.after = max(stretch.after, Position(low))
        } else {
            stretch.through = min(stretch.through, Position(stretch.after.rawValue + Self.scan))
        }
        return stretch
    }

    private func parameters(
        _ stretch: Stretch, _ filter: EventFilter, _ limit: Int, _ maxBytes: Int
    ) -> [Parameter] {
        var tenants = Parameter.null
        if case .only(let names) = filter.tenants { tenants = .textArray(names.map(\.rawValue)) }
        return [
            .int8(Int64(stretch.after.rawValue)), .int8(Int64(stretch.through.rawValue)),
            filter.types.isEmpty ? .null : .textArray(filter.types.map(\.text)),
            tenants, filter.subjectPrefix.isEmpty ? .null : .text(filter.subjectPrefix),
            filter.sources.isEmpty ? .null : .textArray(filter.sources),
            filter.kinds.isEmpty ? .null : .int2Array(filter.kinds.map { Int16($0.rawValue) }),
            .int8(Int64(limit)), .int8(Int64(maxBytes)),
        ]
    }
}

/// What every answer tells of the log besides its events.
protocol StretchOfLog {
    var earliest: Position { get }
}

extension EventFilter {
    /// Whether it drops nothing.
    var takesAll: Bool { tenants == .all && takesAllOfItsTenants }

    /// Nil: it takes several.
    var onlyTenant: TenantID? {
        guard case .only(let names) = tenants, names.count == 1 else { return nil }
        return names.first
    }
}
