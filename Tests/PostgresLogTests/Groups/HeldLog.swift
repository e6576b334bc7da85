import Events
import PostgresLog

/// A log whose bounds are not told before a test lets go.
struct HeldLog: EventLog {
    let log: PostgresEventLog
    private let gate = AsyncStream.makeStream(of: Never.self)

    init(log: PostgresEventLog) { self.log = log }

    func letGo() { gate.continuation.finish() }

    var trouble: EventsError? { log.trouble }

    func bounds() async throws -> LogBounds {
        for await _ in gate.stream {}
        return try await log.bounds()
    }

    func introduce(_ events: [NewEvent]) async throws { try await log.introduce(events) }

    func append(_ request: AppendRequest) async throws -> [AppendOutcome] {
        try await log.append(request)
    }

    func read(
        after: Position, through: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage {
        try await log.read(
            after: after, through: through, filter: filter, limit: limit, maxBytes: maxBytes)
    }

    func position(since: Timestamp) async throws -> Position {
        try await log.position(since: since)
    }

    func lookUp(_ id: EventID, tenant: TenantID) async throws -> EventLookUp {
        try await log.lookUp(id, tenant: tenant)
    }

    func places(of ids: [EventID], tenant: TenantID) async throws -> [EventPlace] {
        try await log.places(of: ids, tenant: tenant)
    }

    func events(at positions: [Position], maxBytes: Int) async throws -> EventsAtPositions {
        try await log.events(at: positions, maxBytes: maxBytes)
    }

    func list(_ query: ListQuery) async throws -> Listing { try await log.list(query) }
}
