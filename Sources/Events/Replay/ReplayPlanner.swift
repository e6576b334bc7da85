/// Works out which events a replay hands to which handlers.
struct ReplayPlanner: Sendable {
    struct Plan: Sendable {
        /// In order, each once.
        var positions: [Position] = []
        var targets: [Replay.Target] = []
    }

    /// More than this in one replay is refused: a plan is held in memory while it is made.
    static let maxEvents = 5_000_000
    static let maxIDs = 10_000
    private static let pageEvents = 1_000
    private static let pageBytes = 4 << 20

    let log: any EventLog
    let books: any HandlerBooks
    /// What a page comes to while it is read: as rows, and as the events made of them.
    private static let readingBytes = 8 << 20

    /// - Parameter room: For the bytes of a range's pages, each on its own: whoever waits gets in
    ///   between.
    /// - Throws: ``EventsError``: `.invalidArgument`, `.notFound` for an id, `.outOfRange`.
    func plan(
        _ request: ReplayRequest, caller: Caller, in room: Turnstile?
    ) async throws -> Plan {
        let handlers = try await books.progress()
        for (index, name) in request.handlers.enumerated()
        where !handlers.contains(where: { $0.name == name }) {
            throw EventsError.invalid("handlers[\(index)]", "is no handler")
        }
        var selected = Selected()
        switch request.selection {
        case .ids(let ids): try await select(ids, caller.tenant, into: &selected)
        case .range(let range):
            try await select(range, caller.tenant, in: room, into: &selected)
        }
        return Plan(
            positions: selected.positions,
            targets: targets(request, handlers, selected.countByType))
    }

    private struct Selected {
        var positions: [Position] = []
        var countByType: [String: Int] = [:]

        mutating func add(_ position: Position, _ type: String) throws(EventsError) {
            guard positions.count < maxEvents else {
                throw .invalid("range", "selects more than \(maxEvents) events; narrow it")
            }
            positions.append(position)
            countByType[type, default: 0] += 1
        }
    }

    /// A page without what its events hold.
    private struct Page: Sendable {
        var events: [(position: Position, type: String, recordedAt: Timestamp)]
        var next: Position

        init(_ events: some Sequence<RecordedEvent>, next: Position) {
            self.events = events.map { ($0.position, $0.type, $0.recordedAt) }
            self.next = next
        }
    }

    private func select(
        _ ids: [EventID], _ tenant: TenantID, into selected: inout Selected
    ) async throws {
        guard !ids.isEmpty else { throw EventsError.invalid("ids.ids", "must name an event") }
        guard ids.count <= Self.maxIDs else {
            throw EventsError.invalid("ids.ids", "has more than \(Self.maxIDs) entries")
        }
        var events: [(position: Position, type: String)] = []
        for (id, place) in zip(ids, try await log.places(of: ids, tenant: tenant)) {
            switch place {
            case .stored(let position, let type): events.append((position, type))
            case .expired: throw EventsError.eventExpired(id)
            case .unknown: throw EventsError.eventNotFound(id)
            }
        }
        events.sort { $0.position < $1.position }
        for event in events where event.position != selected.positions.last {
            try selected.add(event.position, event.type)
        }
    }

    private func select(
        _ range: ReplayRange, _ tenant: TenantID, in room: Turnstile?,
        into selected: inout Selected
    ) async throws {
        let bounds = try await log.bounds()
        if range.from > .zero { try bounds.check(after: range.from.previous) }
        var after = max(range.from, bounds.earliest).previous
        let through = range.to == .zero ? bounds.head : min(range.to, bounds.head)
        if let since = range.since {
            after = max(after, try await log.position(since: since))
        }
        let limit = range.limit == 0 ? Int.max : range.limit
        while after < through, selected.positions.count < limit {
            let page = try await passing(room, of: tenant) {
                try await read(range, after: after, through: through)
            }
            for event in page.events {
                if let until = range.until, event.recordedAt >= until { return }
                guard event.position <= through else { return }
                try selected.add(event.position, event.type)
                if selected.positions.count == limit { return }
            }
            guard page.next > after else { return }
            after = page.next
        }
    }

    private func passing<Result>(
        _ room: Turnstile?, of tenant: TenantID, _ body: () async throws -> Result
    ) async throws -> Result {
        guard let room else { return try await body() }
        return try await room.passing(Self.readingBytes, of: tenant, body)
    }

    private func read(
        _ range: ReplayRange, after: Position, through: Position
    ) async throws -> Page {
        if range.statuses.isEmpty {
            let page = try await log.read(
                after: after, through: through, filter: range.filter, limit: Self.pageEvents,
                maxBytes: Self.pageBytes)
            return Page(page.events, next: page.scannedThrough)
        }
        let query = ListQuery(
            filter: range.filter, since: range.since, until: range.until, oldestFirst: true,
            beyond: after, limit: Self.pageEvents, maxBytes: Self.pageBytes)
        let page = try await StatusListing(log: log, books: books)
            .list(query, statuses: range.statuses)
        return Page(page.entries.lazy.map(\.event), next: page.next ?? through)
    }

    private func targets(
        _ request: ReplayRequest, _ handlers: [HandlerProgress], _ countByType: [String: Int]
    ) -> [Replay.Target] {
        handlers.compactMap { handler in
            let isNamed = request.handlers.contains(handler.name)
            guard isNamed || request.handlers.isEmpty else { return nil }
            let events = countByType.reduce(0) { $0 + (handler.wants($1.key) ? $1.value : 0) }
            guard isNamed || events > 0 else { return nil }
            var skippedReason = events == 0 ? "wants none of the events" : ""
            if handler.hasExternalSideEffects, !isNamed, !request.allowSideEffects {
                skippedReason = "has external side effects"
            }
            return Replay.Target(
                handler: handler.name, events: events, skippedReason: skippedReason)
        }
    }
}
