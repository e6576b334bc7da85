import Events
import Telemetry

/// A log in memory that does what a test says.
final class ScriptedLog: EventLog {
    private struct State {
        var events: [RecordedEvent] = []
        var dropped: UInt64 = 0
        var epochs = [LogEpoch(id: 1, openedAfter: .zero)]
        var reads = 0
        var filteredReads = 0
        var askedBytes: [Int] = []
        var isAway = false
    }

    private let state = Lock(State())

    init(_ events: [RecordedEvent] = []) {
        state.withLock { $0.events = events }
    }

    var head: Position { state.withLock { Position(UInt64($0.events.count)) } }
    /// How often a page was read.
    var reads: Int { state.withLock { $0.reads } }

    /// Of these, by who wants less than everything: never the tail.
    var filteredReads: Int { state.withLock { $0.filteredReads } }

    /// Most bytes of each page that was read.
    var askedBytes: [Int] { state.withLock { $0.askedBytes } }

    func store(_ events: [RecordedEvent]) {
        state.withLock { $0.events += events }
    }

    /// As retention does, up to and including a position.
    func drop(through position: UInt64) {
        state.withLock { $0.dropped = position }
    }

    func openEpoch(_ id: UInt64, after position: UInt64) {
        state.withLock { $0.epochs.append(LogEpoch(id: id, openedAfter: Position(position))) }
    }

    /// Goes back to an earlier moment; then a new epoch opens.
    func restore(to position: UInt64, epoch id: UInt64) {
        state.withLock { state in
            state.events.removeSubrange(Int(position)...)
            state.epochs.append(LogEpoch(id: id, openedAfter: Position(position)))
        }
    }

    func goAway(_ isAway: Bool = true) {
        state.withLock { $0.isAway = isAway }
    }

    private func reached() throws -> State {
        let state = state.withLock { $0 }
        if state.isAway {
            throw EventsError.unavailable(.storeUnavailable, "away", retryAfter: .seconds(1))
        }
        return state
    }

    var trouble: EventsError? { nil }

    func introduce(_ events: [NewEvent]) {}

    func append(_ request: AppendRequest) async throws -> [AppendOutcome] { [] }

    func read(
        after: Position, through: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage {
        state.withLock { state in
            state.reads += 1
            state.askedBytes.append(maxBytes)
            if filter != .everything { state.filteredReads += 1 }
        }
        let state = try reached()
        let bounds = try await bounds()
        if after.rawValue < state.dropped { throw EventsError.positionExpired(bounds) }
        var events: [RecordedEvent] = []
        var scanned = after
        for event in state.events.dropFirst(Int(after.rawValue)) where event.position <= through {
            scanned = event.position
            if filter.matches(event) { events.append(event) }
            if events.count == limit { break }
        }
        return EventPage(
            events: events, scannedThrough: scanned, head: bounds.head, epoch: bounds.epoch.id)
    }

    func bounds() async throws -> LogBounds {
        let state = try reached()
        return LogBounds(
            earliest: Position(state.dropped + 1), head: Position(UInt64(state.events.count)),
            epochs: state.epochs)
    }

    func position(since: Timestamp) async throws -> Position {
        let state = try reached()
        let first = state.events.first { $0.recordedAt >= since }
        return first?.position.previous ?? Position(UInt64(state.events.count))
    }

    func lookUp(_ id: EventID, tenant: TenantID) async throws -> EventLookUp {
        let state = try reached()
        guard let event = state.events.first(where: { $0.id == id && $0.tenant == tenant })
        else { return .unknown }
        return event.position.rawValue <= state.dropped
            ? .expired(event.position) : .found(event)
    }

    func places(of ids: [EventID], tenant: TenantID) async throws -> [EventPlace] {
        var places: [EventPlace] = []
        for id in ids {
            switch try await lookUp(id, tenant: tenant) {
            case .found(let event): places.append(.stored(event.position, type: event.type))
            case .expired(let position): places.append(.expired(position))
            case .unknown: places.append(.unknown)
            }
        }
        return places
    }

    func events(at positions: [Position], maxBytes: Int) async throws -> EventsAtPositions {
        let state = try reached()
        let stored = state.events.dropFirst(Int(state.dropped))
        return EventsAtPositions(
            events: positions.compactMap { place in stored.first { $0.position == place } },
            count: positions.count)
    }

    func list(_ query: ListQuery) async throws -> Listing {
        let state = try reached()
        let all = state.events.dropFirst(Int(state.dropped)).filter { event in
            query.filter.matches(event)
                && query.since.map { event.recordedAt >= $0 } ?? true
                && query.until.map { event.recordedAt < $0 } ?? true
        }
        let ordered = query.oldestFirst ? Array(all) : all.reversed()
        let rest = ordered.filter { event in
            guard let beyond = query.beyond else { return true }
            return query.oldestFirst ? event.position > beyond : event.position < beyond
        }
        let page = Array(rest.prefix(query.limit))
        return Listing(events: page, next: rest.count > page.count ? page.last?.position : nil)
    }
}
