import Telemetry

@testable import Events

extension SampleCatalogue: OutboxSchemas {
    /// The payload's bytes are those of its text; one text is wrong.
    func payload(
        json: String, message: String, path: String
    ) throws(EventsError) -> [UInt8] {
        if json == "{\"email\": 1}" { throw .invalid("\(path).email", "must be a string") }
        return Array(json.utf8)
    }

    func fingerprint(of draft: EventDraft) -> Fingerprint {
        Fingerprint(high: UInt64(draft.data.count), low: UInt64(draft.contentHeader.count))
    }
}

extension OutboxEntry {
    static func sample(
        _ subject: String = "", type: String = "lead.created", version: UInt32 = 0,
        payload: Payload = .json("{}")
    ) -> OutboxEntry {
        OutboxEntry(
            id: EventID(high: 1, low: 2),
            draft: EventDraft(type: type, version: version, tenant: "acme", subject: subject),
            payload: payload, publishedAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 5_000))
    }
}

/// An outbox in memory: what is drained from it, and how its store behaves.
final class SampleOutbox: Outbox, OutboxSession {
    struct State {
        var waiting: [OutboxEntry] = []
        var stored: [String] = []
        var rejected: [String: OutboxRefusal] = [:]
        /// A page with this subject is refused by the store.
        var poison: String?
        /// Sessions that fail before one works.
        var failures = 0
        var canCount = true
        var sessions = 0
        var limits: [Int] = []
        var emptyLooks = 0
    }

    private let state: Lock<State>
    /// Told of each look that found nothing.
    let looks: AsyncStream<Void>
    private let look: AsyncStream<Void>.Continuation

    init(_ entries: [OutboxEntry], poison: String? = nil, failures: Int = 0) {
        state = Lock(State(waiting: entries, poison: poison, failures: failures))
        (looks, look) = AsyncStream.makeStream()
    }

    var current: State { state.withLock { $0 } }

    private static let away = EventsError.unavailable(
        .storeUnavailable, "away", retryAfter: .zero)

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func add(_ entry: OutboxEntry) { state.withLock { $0.waiting.append(entry) } }

    func withSession(
        under lease: Lease, limits: PublishLimits,
        _ body: (any OutboxSession) async throws -> Void
    ) async throws {
        let fails = state.withLock { state in
            state.sessions += 1
            state.failures -= 1
            return state.failures >= 0
        }
        if fails { throw Self.away }
        try await body(self)
    }

    func nextPage(limit: Int) async throws -> [OutboxEntry] {
        let page = state.withLock { state in
            state.limits.append(limit)
            return Array(state.waiting.prefix(limit))
        }
        if page.isEmpty { look.yield() }
        return page
    }

    func move(
        _ results: [Result<NewEvent, OutboxRefusal>]
    ) async throws -> [OutboxOutcome] {
        try state.withLock { state in
            for case .success(let event) in results where event.subject == state.poison {
                throw OutboxError.refused("SQLSTATE 22000")
            }
            return zip(state.waiting.prefix(results.count), results).map { entry, result in
                state.waiting.removeFirst()
                switch result {
                case .success(let event):
                    state.stored.append(event.subject)
                    return .stored(Position(UInt64(state.stored.count)))
                case .failure(let refusal):
                    state.rejected[entry.draft.subject] = refusal
                    return .rejected(refusal.reason)
                }
            }
        }
    }

    func backlog() async throws -> OutboxBacklog {
        let state = current
        guard state.canCount else { throw Self.away }
        return OutboxBacklog(
            events: state.waiting.count, age: .seconds(3), rejects: state.rejected.count)
    }
}

/// Gives every lease that is asked for.
struct OpenLeases: LeaseStore {
    func acquire(_ name: String, holder: String, for time: Duration) async throws -> Lease? {
        Lease(name: name, holder: holder, fence: 1)
    }

    func renew(_ lease: Lease, for time: Duration) async throws -> Bool { true }

    func release(_ lease: Lease) async throws {}
}
