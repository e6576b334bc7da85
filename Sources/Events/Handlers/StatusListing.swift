/// Lists events with how far the handlers are, and only those of wanted statuses if so asked.
///
/// Almost every event is processed, so a listing of the others must not read them all. What is
/// not processed lies above the slowest handler's cursor, where the log is read, or is in the
/// books as unfinished, where an index finds it.
public struct StatusListing: Sendable {
    /// One event of a listing.
    public struct Entry: Sendable {
        public let event: RecordedEvent
        public let standing: EventStanding
    }

    public struct Page: Sendable {
        public let entries: [Entry]
        /// Where the next page continues (`ListQuery.beyond`); nil when this was the last. A page
        /// may be short, even empty, and yet have a next one.
        public let next: Position?
    }

    /// Pages of the log that one call reads when few events match.
    private static let maxReads = 16
    /// Events of the books that are read in one go: each may be a large one.
    private static let eventsAtOnce = 32

    private let log: any EventLog
    private let books: any HandlerBooks

    public init(log: any EventLog, books: any HandlerBooks) {
        self.log = log
        self.books = books
    }

    /// - Parameter statuses: Empty: any.
    public func list(_ query: ListQuery, statuses: Set<EventStatus> = []) async throws -> Page {
        if statuses.isEmpty || statuses.count == EventStatus.allCases.count {
            let listing = try await log.list(query)
            return Page(entries: try await entries(listing.events), next: listing.next)
        }
        if statuses.contains(.processed) { return try await scan(query, statuses, down: .zero) }
        return try await listUnfinished(query, statuses)
    }

    /// Newest first: what lies above the slowest cursor, then what is in the books below it. Oldest
    /// first: the other way round.
    private func listUnfinished(
        _ query: ListQuery, _ statuses: Set<EventStatus>
    ) async throws -> Page {
        let handlers = try await books.progress()
        guard let slowest = handlers.map(\.position).min() else {
            return Page(entries: [], next: nil)
        }
        let onlyFailed = statuses == [.failed]
        // All that failed is in the books, also above the slowest cursor.
        let border = onlyFailed ? Position.max : slowest
        let beyond = query.beyond
        if query.oldestFirst {
            if beyond ?? .zero < border {
                let page = try await look(query, statuses, onlyFailed, through: border)
                if page.next != nil || onlyFailed { return page }
                return Page(entries: page.entries, next: border)
            }
            return try await scan(query, statuses, down: .zero)
        }
        if beyond ?? .max > border.next, !onlyFailed {
            var upper = query
            upper.filter = narrowed(query.filter, to: handlers)
            let page = try await scan(upper, statuses, down: border)
            return page.next == nil ? Page(entries: page.entries, next: border.next) : page
        }
        return try await look(query, statuses, onlyFailed, through: border)
    }

    /// Reads the log, and keeps what has a wanted status.
    ///
    /// - Parameter border: A listing towards older events ends there.
    private func scan(
        _ query: ListQuery, _ statuses: Set<EventStatus>, down border: Position
    ) async throws -> Page {
        var query = query
        var found: [Entry] = []
        var bytes = 0
        let wanted = query.limit
        query.limit = max(wanted, 200)
        for _ in 0..<Self.maxReads {
            let listing = try await log.list(query)
            for entry in try await entries(listing.events) {
                if entry.event.position <= border { return Page(entries: found, next: nil) }
                guard statuses.contains(entry.standing.status) else { continue }
                found.append(entry)
                bytes += entry.event.footprint
                if found.count == wanted || bytes >= query.maxBytes {
                    return Page(entries: found, next: entry.event.position)
                }
            }
            guard let next = listing.next else { return Page(entries: found, next: nil) }
            query.beyond = next
        }
        return Page(entries: found, next: query.beyond)
    }

    /// Looks into the books up to and including the border.
    private func look(
        _ query: ListQuery, _ statuses: Set<EventStatus>, _ onlyFailed: Bool,
        through border: Position
    ) async throws -> Page {
        var found: [Entry] = []
        var bytes = 0
        var beyond = query.beyond ?? (query.oldestFirst ? .zero : .max)
        let limit = max(query.limit, 200)
        for _ in 0..<Self.maxReads {
            let top = border == .max ? border : border.next
            let positions = try await books.unfinished(
                UnfinishedQuery(
                    onlyFailed: onlyFailed, tenants: query.filter.tenants,
                    after: query.oldestFirst ? beyond : .zero,
                    before: query.oldestFirst ? top : min(beyond, top),
                    oldestFirst: query.oldestFirst, limit: limit))
            var rest = positions[...]
            while !rest.isEmpty {
                let page = try await log.events(
                    at: Array(rest.prefix(Self.eventsAtOnce)), maxBytes: query.maxBytes - bytes)
                rest = rest.dropFirst(page.count)
                for entry in try await entries(page.events.filter { Self.matches($0, query) })
                where statuses.contains(entry.standing.status) {
                    found.append(entry)
                    bytes += entry.event.footprint
                    if found.count == query.limit || bytes >= query.maxBytes {
                        return Page(entries: found, next: entry.event.position)
                    }
                }
            }
            guard let last = positions.last, positions.count == limit else {
                return Page(entries: found, next: nil)
            }
            beyond = last
        }
        return Page(entries: found, next: beyond)
    }

    private func entries(_ events: [RecordedEvent]) async throws -> [Entry] {
        guard !events.isEmpty else { return [] }
        let standings = try await books.standings(of: events)
        return zip(events, standings).map { Entry(event: $0, standing: $1) }
    }

    private static func matches(_ event: RecordedEvent, _ query: ListQuery) -> Bool {
        query.filter.matches(event)
            && query.since.map { event.recordedAt >= $0 } ?? true
            && query.until.map { event.recordedAt < $0 } ?? true
    }

    /// An event of a type that no handler wants is processed at once: its type need not be read.
    private func narrowed(_ filter: EventFilter, to handlers: [HandlerProgress]) -> EventFilter {
        let wanted = handlers.flatMap { $0.patterns.map(\.pattern) }
        let types: [TypePattern]
        if filter.types.isEmpty {
            types = wanted
        } else if filter.types.allSatisfy(\.isLiteral) {
            let some = filter.types.filter { type in wanted.contains { $0.matches(type.text) } }
            types = some.isEmpty ? filter.types : some
        } else {
            types = filter.types
        }
        return EventFilter(
            types: types, tenants: filter.tenants, subjectPrefix: filter.subjectPrefix,
            sources: filter.sources, kinds: filter.kinds)
    }
}
