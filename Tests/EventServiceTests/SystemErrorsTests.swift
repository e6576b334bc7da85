import EventProtos
import Telemetry
import Testing

@testable import EventService
@testable import Events

/// What is published of runs that fail.
@Suite struct SystemErrorsTests {
    private let log = IdentityLog()
    private let metrics = MetricsRegistry()
    private let errors: SystemErrors

    init() {
        let publisher = Publisher(log: log, catalogue: Schemas(maxEventBytes: 1 << 20))
        errors = SystemErrors(
            publisher: publisher, metrics: metrics, logger: .silent)
    }

    private func failure(
        _ handler: String = "mailer", at position: UInt64 = 1, attempt: Int = 1,
        revival: Int64 = 0, type: String = "lead.created", tenant: String = "acme",
        seconds: Int64 = 1_700_000_000
    ) -> HandlerFailure {
        let time = Timestamp(seconds: seconds, nanoseconds: 0)
        let event = RecordedEvent(
            position: Position(position), partition: 1, id: EventID(high: 7, low: position),
            type: type, version: 1, kind: .domain, tenant: TenantID(unchecked: tenant), source: "",
            subject: "lead/1", partitionKey: "lead/1", occurredAt: time, recordedAt: time,
            metadata: EventMetadata(), messageName: "test.Lead", data: [])
        return HandlerFailure(
            handler: handler, consumer: "handler/\(handler)",
            deliveryID: "handler/\(handler)/\(position)", event: event, attempt: attempt,
            revival: revival,
            report: FailureReport(.temporary), isRetried: true, at: time)
    }

    private var heldBack: [String] {
        metrics.exposition().split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("apus_system_errors_held_back_total{") }
    }

    @Test func `a failure that is told again, later, is the same event`() async {
        await errors.report(failure())
        await errors.report(failure(seconds: 1_700_000_500))
        #expect(log.outcomes == ["stored", "duplicate"])
    }

    @Test func `each attempt of each delivery is an event of its own`() async {
        await errors.report(failure(attempt: 1))
        await errors.report(failure(attempt: 2))
        await errors.report(failure(at: 2, attempt: 1))
        await errors.report(failure("other", attempt: 1))
        #expect(log.outcomes == ["stored", "stored", "stored", "stored"])
    }

    @Test func `each try of a dead letter is an event of its own, told twice or not`() async {
        await errors.report(failure())
        await errors.report(failure(revival: 5))
        await errors.report(failure(revival: 5, seconds: 1_700_000_500))
        await errors.report(failure(revival: 6))
        #expect(log.outcomes == ["stored", "stored", "duplicate", "stored"])
    }

    @Test func `a handler has so many a minute, and what is held back is counted`() async {
        for position in 1...65 as ClosedRange<UInt64> {
            await errors.report(failure(at: position, tenant: "tenant-\(position)"))
        }
        #expect(log.outcomes.count == 60)
        #expect(heldBack == [#"apus_system_errors_held_back_total{handler="mailer"} 5"#])
        await errors.report(failure("other"))
        #expect(log.outcomes.count == 61)
        await errors.report(failure(at: 66, seconds: 1_700_000_060))
        #expect(log.outcomes.count == 62)
    }

    @Test func `a tenant has at most half of what the others leave of it`() async {
        var told: [Int] = []
        var position: UInt64 = 0
        for tenant in ["acme", "beta", "gamma"] {
            let before = log.outcomes.count
            for _ in 0..<100 {
                position += 1
                await errors.report(failure(at: position, tenant: tenant))
            }
            told.append(log.outcomes.count - before)
        }
        #expect(told == [30, 15, 7])
        #expect(heldBack == [#"apus_system_errors_held_back_total{handler="mailer"} 248"#])
        // What one has already is not taken from it, and gives it no more.
        await errors.report(failure(at: position + 1, tenant: "acme"))
        #expect(log.outcomes.count == 52)
    }

    @Test func `a run on a system error that fails is told of nowhere`() async {
        await errors.report(failure(type: "system.error"))
        #expect(log.outcomes.isEmpty)
        #expect(heldBack.isEmpty)
    }

    @Test func `a log that is away holds up nobody`() async {
        log.goAway()
        await errors.report(failure())
        #expect(log.outcomes.isEmpty)
    }
}

/// Knows which ids it has, and with what content.
private final class IdentityLog: EventLog {
    private struct State {
        var stored: [EventID: Fingerprint] = [:]
        var outcomes: [String] = []
        var isAway = false
    }

    private let state = Lock(State())

    var outcomes: [String] { state.withLock { $0.outcomes } }
    var trouble: EventsError? { nil }

    func goAway() { state.withLock { $0.isAway = true } }

    func introduce(_ events: [NewEvent]) async throws {}

    func append(_ request: AppendRequest) async throws -> [AppendOutcome] {
        try state.withLock { state in
            if state.isAway {
                throw EventsError.unavailable(.storeUnavailable, "away", retryAfter: .seconds(1))
            }
            return request.events.map { event in
                let before = state.stored[event.id]
                state.stored[event.id] = before ?? event.fingerprint
                switch before {
                case nil: state.outcomes.append("stored")
                case event.fingerprint: state.outcomes.append("duplicate")
                default: state.outcomes.append("conflict")
                }
                return before == nil ? .stored(Position(1)) : .duplicate(Position(1))
            }
        }
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
