import Telemetry
import Testing

@testable import Events

@Suite struct PublisherTests {
    private static let now = UnixTime(seconds: 1_700_000_000, nanoseconds: 42)
    private static let url = "type.googleapis.com/test.LeadCreated"

    private let log = AppendRecorder()

    private func publish(
        _ drafts: [EventDraft], allowPartial: Bool = false,
        precondition: PublishCommand.Precondition? = nil,
        caller: Caller = Caller(tenant: TenantID(unchecked: "acme")),
        limits: PublishLimits = PublishLimits()
    ) async throws -> [PublishOutcome] {
        let publisher = Publisher(
            log: log, catalogue: SampleCatalogue(), clock: StoppedClock(time: Self.now),
            limits: limits)
        return try await publisher.publish(
            PublishCommand(events: drafts, allowPartial: allowPartial, precondition: precondition),
            context: PublishContext(
                caller: caller, userAgent: "agent/1", ipAddress: "10.0.0.1", traceparent: "00-1"))
    }

    /// The paths of the wrong fields of one event.
    private func faults(_ change: (inout EventDraft) -> Void) async -> [String] {
        var draft = EventDraft(typeURL: Self.url)
        change(&draft)
        do {
            _ = try await publish([draft])
            return []
        } catch let error as EventsError {
            return error.violations.map(\.field)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `what a client leaves out is filled in`() async throws {
        let outcomes = try await publish([EventDraft(typeURL: Self.url, data: [1])])
        let event = try #require(log.requests.first?.events.first)
        #expect(outcomes.map(\.eventID) == [event.id.description])
        #expect(!event.hasCallersID)
        #expect(event.id.high >> 16 == 1_700_000_000_000)
        #expect(event.type == "lead.created")
        #expect(event.version == 2)
        #expect(event.kind == .integration)
        #expect(event.tenant.rawValue == "acme")
        #expect(event.partitionKey == "acme")
        #expect(event.occurredAt == Timestamp(Self.now))
        #expect(event.metadata.correlationID == event.id.description)
        #expect(event.metadata.userAgent == "agent/1")
        #expect(event.metadata.ipAddress == "10.0.0.1")
        #expect(event.metadata.traceparent == "00-1")
        #expect(event.messageName == "test.LeadCreated")
    }

    @Test func `what a client says is kept`() async throws {
        let id = "0197C3F2-1111-7AAA-8BBB-1234567890AB"
        let draft = EventDraft(
            id: id, type: "lead.created", version: 2, kind: 2, tenant: "acme", source: "crm",
            subject: "lead-1", partitionKey: "key",
            occurredAt: Timestamp(seconds: 5, nanoseconds: 6),
            metadata: EventMetadata(
                correlationID: "c", userAgent: "u", ipAddress: "i", traceparent: "t"),
            typeURL: Self.url, data: [1, 2], fingerprint: Fingerprint(high: 1, low: 2))
        let outcomes = try await publish([draft])
        #expect(outcomes.map(\.eventID) == [id.lowercased()])
        let event = try #require(log.requests.first?.events.first)
        #expect(event.hasCallersID)
        #expect(event.kind == .system)
        #expect(event.partitionKey == "key")
        #expect(event.occurredAt == Timestamp(seconds: 5, nanoseconds: 6))
        #expect(event.metadata == draft.metadata)
        #expect(event.fingerprint == draft.fingerprint)
    }

    @Test func `the partition key is the subject when there is one`() async throws {
        _ = try await publish([EventDraft(subject: "lead-1", typeURL: Self.url)])
        #expect(log.requests.first?.events.first?.partitionKey == "lead-1")
    }

    @Test func `each wrong field is named`() async throws {
        let long = String(repeating: "x", count: 513)
        let cases: [(String, (inout EventDraft) -> Void)] = [
            ("events[0].id", { $0.id = "7" }),
            ("events[0].type", { $0.type = "Lead" }),
            ("events[0].type", { $0.type = "lead.created.v1" }),
            ("events[0].type", { $0.type = "order.paid" }),
            ("events[0].version", { $0.version = 1 }),
            ("events[0].kind", { $0.kind = 4 }),
            ("events[0].kind", { $0.kind = -1 }),
            ("events[0].tenant_id", { $0.tenant = "a b" }),
            ("events[0].source", { $0.source = long }),
            ("events[0].subject", { $0.subject = long }),
            ("events[0].subject", { $0.subject = "a\0b" }),
            ("events[0].partition_key", { $0.partitionKey = long }),
            ("events[0].occurred_at", { $0.occurredAt = Timestamp(seconds: 0, nanoseconds: -1) }),
            ("events[0].data", { $0.typeURL = "" }),
            ("events[0].data.type_url", { $0.typeURL = "test.LeadCreated" }),
            ("events[0].data.type_url", { $0.typeURL = "type.googleapis.com/test.Unknown" }),
            ("events[0].data.email", { $0.data = SampleCatalogue.badEmail }),
            ("events[0].data", { $0.data = SampleCatalogue.garbage }),
            (
                "events[0].metadata.channel",
                { $0.metadata.channel = String(repeating: "c", count: 1_025) }
            ),
            (
                "events[0].metadata.extra",
                { draft in for key in 0..<65 { draft.metadata.extra["\(key)"] = "" } }
            ),
            (
                "events[0].metadata.extra",
                { $0.metadata.extra["a"] = String(repeating: "v", count: 16_384) }
            ),
            ("events[0].metadata.extra", { $0.metadata.extra["a"] = "\0" }),
            ("events[0]", { $0.data = Array(repeating: 0, count: 1 << 20) }),
        ]
        for (field, change) in cases {
            let found = await faults(change)
            #expect(found == [field])
        }
        #expect(log.requests.isEmpty)
    }

    @Test func `no text has more combining marks in a row than readers decode`() async throws {
        let safe = String(repeating: "\u{301}", count: 64)
        let run = safe + "\u{316}"
        #expect(await faults { $0.subject = "a\(safe)b\(safe)" } == [])
        #expect(await faults { $0.subject = "a\(run)b" } == ["events[0].subject"])
        #expect(await faults { $0.metadata.userID = run } == ["events[0].metadata.user_id"])
        #expect(await faults { $0.metadata.extra["a"] = safe } == [])
        #expect(await faults { $0.metadata.extra["a"] = run } == ["events[0].metadata.extra"])
        #expect(await faults { $0.metadata.extra[run] = "a" } == ["events[0].metadata.extra"])
    }

    @Test func `the limits themselves are allowed`() async throws {
        let name = String(repeating: "x", count: 512)
        let found = await faults { draft in
            draft.source = name
            draft.subject = name
            draft.partitionKey = name
            for key in 0..<64 { draft.metadata.extra["\(key)"] = "" }
        }
        #expect(found == [])
    }

    @Test func `all wrong fields of all events are named together`() async throws {
        let error = await #expect(throws: EventsError.self) {
            try await publish([
                EventDraft(typeURL: Self.url), EventDraft(id: "x", kind: 9, typeURL: Self.url),
                EventDraft(typeURL: Self.url, data: SampleCatalogue.badEmail),
            ])
        }
        #expect(
            error?.violations.map(\.field) == [
                "events[1].id", "events[1].kind", "events[2].data.email",
            ])
    }

    @Test func `another tenant's event is denied`() async throws {
        let draft = EventDraft(tenant: "other", typeURL: Self.url)
        await #expect(throws: EventsError.tenantDenied("other")) { try await publish([draft]) }
        let root = Caller(tenant: TenantID(unchecked: "acme"), seesAllTenants: true)
        _ = try await publish([draft], caller: root)
        #expect(log.requests.first?.events.first?.tenant.rawValue == "other")
    }

    @Test func `a partial request stores what is right and names what is not`() async throws {
        let outcomes = try await publish(
            [
                EventDraft(id: "bad", typeURL: Self.url), EventDraft(typeURL: Self.url),
                EventDraft(tenant: "other", typeURL: Self.url), EventDraft(typeURL: Self.url),
            ], allowPartial: true)
        #expect(log.requests.map(\.events.count) == [2])
        #expect(log.requests.map(\.allowPartial) == [true])
        guard case .rejected(let first) = outcomes[0].outcome,
            case .rejected(let third) = outcomes[2].outcome
        else {
            Issue.record("not rejected: \(outcomes)")
            return
        }
        #expect(first.violations.map(\.field) == ["events[0].id"])
        #expect(outcomes[0].eventID == "bad")
        #expect(outcomes[1].outcome == .stored(Position(1)))
        #expect(third == .tenantDenied("other"))
        #expect(outcomes[3].outcome == .stored(Position(2)))
    }

    @Test func `a request has a bound of events and of bytes`() async throws {
        for count in [0, 1_001] {
            let error = await #expect(throws: EventsError.self) {
                try await publish(Array(repeating: EventDraft(typeURL: Self.url), count: count))
            }
            #expect(error?.violations.map(\.field) == ["events"])
        }
        var limits = PublishLimits()
        limits.maxRequestBytes = 250
        let error = await #expect(throws: EventsError.self) {
            try await publish(
                Array(repeating: EventDraft(typeURL: Self.url, data: [1]), count: 10),
                limits: limits)
        }
        #expect(error?.violations.map(\.field) == ["events"])
    }

    @Test func `a precondition is checked before it is asked`() async throws {
        let draft = EventDraft(typeURL: Self.url)
        let cases: [(String, PublishCommand.Precondition, Bool)] = [
            ("precondition.subject", .init(subject: "", lastPosition: 0), false),
            (
                "precondition.subject",
                .init(subject: String(repeating: "x", count: 513), lastPosition: 0), false
            ),
            ("precondition.last_position", .init(subject: "a", lastPosition: 1 << 53), false),
            ("precondition", .init(subject: "a", lastPosition: 0), true),
        ]
        for (field, precondition, allowPartial) in cases {
            let error = await #expect(throws: EventsError.self) {
                try await publish(
                    [draft], allowPartial: allowPartial, precondition: precondition)
            }
            #expect(error?.violations.map(\.field) == [field])
        }
        _ = try await publish([draft], precondition: .init(subject: "a", lastPosition: 7))
        #expect(
            log.requests.first?.precondition
                == SubjectPrecondition(
                    tenant: TenantID(unchecked: "acme"), subject: "a", lastPosition: Position(7)))
    }

    @Test func `an id that is none is not sent back at length`() async throws {
        let outcomes = try await publish(
            [
                EventDraft(id: String(repeating: "x", count: 100_000), typeURL: Self.url),
                EventDraft(id: "no-uuid", typeURL: Self.url),
            ], allowPartial: true)
        #expect(outcomes.map(\.eventID) == ["", "no-uuid"])
    }

    @Test func `events with a precondition have one tenant`() async throws {
        let error = await #expect(throws: EventsError.self) {
            try await publish(
                [EventDraft(typeURL: Self.url), EventDraft(tenant: "other", typeURL: Self.url)],
                precondition: .init(subject: "a", lastPosition: 0),
                caller: Caller(tenant: TenantID(unchecked: "acme"), seesAllTenants: true))
        }
        #expect(error?.violations.map(\.field) == ["events[1].tenant_id"])
    }
}
