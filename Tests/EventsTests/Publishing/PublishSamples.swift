import Telemetry

@testable import Events

/// Knows one event, and two bytes that are wrong in it.
struct SampleCatalogue: SchemaCatalogue {
    static let badEmail: [UInt8] = [0xEE]
    static let garbage: [UInt8] = [0xFF]

    let eventTypes = [
        EventTypeInfo(
            type: "lead.created", version: 2, kind: .integration, message: "test.LeadCreated")
    ]

    func eventType(forMessage name: String) -> EventTypeInfo? {
        eventTypes.first { $0.message == name }
    }

    func message(forType type: String, version: UInt32) -> String? {
        eventTypes.first { $0.type == type && $0.version == version }?.message
    }

    func check(_ data: [UInt8], message name: String) -> FieldViolation? {
        switch data {
        case Self.badEmail: FieldViolation(field: "email", description: "is wrong")
        case Self.garbage: FieldViolation(field: "", description: "does not decode")
        default: nil
        }
    }
}

struct StoppedClock: WallClock {
    let time: UnixTime

    func now() -> UnixTime { time }
}

/// Stores nothing, remembers what it was asked to store.
final class AppendRecorder: EventLog {
    private let state = Lock<[AppendRequest]>([])

    var requests: [AppendRequest] { state.withLock { $0 } }

    var trouble: EventsError? { nil }

    func introduce(_ events: [NewEvent]) async throws {}

    func append(_ request: AppendRequest) async throws -> [AppendOutcome] {
        state.withLock { $0.append(request) }
        return (1...request.events.count).map { .stored(Position(UInt64($0))) }
    }

    func read(
        after: Position, through: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> EventPage {
        EventPage(events: [], scannedThrough: after, head: after, epoch: 1)
    }

    func bounds() async throws -> LogBounds {
        LogBounds(
            earliest: Position(1), head: .zero, epochs: [LogEpoch(id: 1, openedAfter: .zero)])
    }

    func position(since: Timestamp) async throws -> Position { .zero }

    func lookUp(_ id: EventID, tenant: TenantID) async throws -> EventLookUp { .unknown }

    func places(of ids: [EventID], tenant: TenantID) async throws -> [EventPlace] {
        ids.map { _ in .unknown }
    }

    func events(at positions: [Position], maxBytes: Int) async throws -> EventsAtPositions {
        EventsAtPositions(events: [], count: positions.count)
    }

    func list(_ query: ListQuery) async throws -> Listing { Listing(events: [], next: nil) }
}
