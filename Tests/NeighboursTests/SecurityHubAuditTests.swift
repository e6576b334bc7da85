import EventProtos
import Events
import GRPC
import Testing

@testable import Neighbours

/// What the hub is told of what was published.
@Suite struct SecurityHubAuditTests {
    private static func event(_ position: UInt64) -> RecordedEvent {
        Sample.received(
            position: position,
            metadata: EventMetadata(
                correlationID: "c", userID: "u", sessionID: "s", userAgent: "curl",
                ipAddress: "192.0.2.1"))
    }

    private static func together(
        _ fake: FakeHub, _ events: [RecordedEvent]
    ) async throws -> [HandlerError.Kind?] {
        let gate = Gate()
        var held = fake
        held.record = { request in
            if request.events.first?.eventId == Self.event(1).id.description {
                await gate.pass()
                return FakeHub.Response(accepted: 1)
            }
            return try await fake.record(request)
        }
        return try await Neighbourhood.with(FakeEngine(), held) { neighbours in
            let handler = SecurityHubAudit(
                neighbours.hub, deadline: .seconds(60), metrics: neighbours.metrics)
            return try await withThrowingTaskGroup(of: (Int, HandlerError?).self) { group in
                group.addTask { (-1, try await Self.outcome(of: Self.event(1), handler)) }
                await gate.untilEntered(1)
                for (index, event) in events.enumerated() {
                    let before = handler.waiting
                    group.addTask { (index, try await Self.outcome(of: event, handler)) }
                    while handler.waiting == before { await Task.yield() }
                }
                gate.open()
                var outcomes = [HandlerError?](repeating: nil, count: events.count)
                for try await (index, outcome) in group where index >= 0 {
                    outcomes[index] = outcome
                }
                return outcomes.map { $0?.kind }
            }
        }
    }

    private static func outcome(
        of event: RecordedEvent, _ handler: SecurityHubAudit
    ) async throws -> HandlerError? {
        try await HandlerError.thrown { _ = try await handler.handle(event) }
    }

    private static let several = (2...4).map { event(UInt64($0)) }

    @Test func `the hub is told who published what, and not what it says`() async throws {
        let fake = FakeHub()
        try await Neighbourhood.with(FakeEngine(), fake) { neighbours in
            let handler = SecurityHubAudit(
                neighbours.hub, deadline: .seconds(5), metrics: neighbours.metrics)
            #expect(handler.types.map(\.text) == ["**"] && handler.hasExternalSideEffects)
            let verdict = try await handler.handle(Self.event(1))
            #expect(verdict == .done)
        }
        let record = try #require(fake.told.all.first?.events.first)
        let event = Self.event(1)
        #expect(record.eventId == event.id.description && record.tenantId == "acme")
        #expect(record.eventType == "events.publish" && record.action == "publish")
        #expect(record.resource == "conversation/1" && record.result == .success)
        #expect(record.userId == "u" && record.sessionId == "s")
        #expect(record.ipAddress == "192.0.2.1" && record.userAgent == "curl")
        #expect(record.timestamp?.seconds == event.recordedAt.seconds)
        #expect(record.details?.fields["type"]?.kind == .stringValue("chat.message.received"))
        #expect(record.details?.fields["position"]?.kind == .numberValue(1))
        #expect(!"\(record)".contains("Hello"))
    }

    @Test func `what is due together goes in one batch`() async throws {
        let fake = FakeHub()
        let outcomes = try await Self.together(fake, Self.several)
        #expect(outcomes == [nil, nil, nil])
        #expect(fake.told.all.map(\.events.count) == [1, 3])
    }

    @Test func `an event is in a batch once, however often it is due`() async throws {
        let fake = FakeHub()
        let outcomes = try await Self.together(fake, [Self.event(2), Self.event(2)])
        #expect(outcomes == [nil, nil])
        #expect(fake.told.all.map(\.events.count) == [1, 1, 1])
    }

    @Test func `a batch that may go well later fails for all`() async throws {
        for code in [RPCStatusCode.unavailable, .unauthenticated] {
            var fake = FakeHub()
            fake.record = { _ in throw RPCError(code, "on purpose") }
            let outcomes = try await Self.together(fake, Self.several)
            let kind: HandlerError.Kind = code == .unavailable ? .transient : .refused
            #expect(outcomes == [kind, kind, kind])
            #expect(fake.told.all.count == 2)
        }
    }

    @Test func `a batch that fails for good is told one by one`() async throws {
        var fake = FakeHub()
        fake.record = { request in
            if request.events.contains(where: { $0.eventId == Self.event(3).id.description }) {
                throw RPCError(.invalidArgument, "on purpose")
            }
            return FakeHub.Response(accepted: UInt32(request.events.count))
        }
        let outcomes = try await Self.together(fake, Self.several)
        #expect(outcomes == [nil, .permanent, nil])
    }

    @Test func `what the hub rejects fails alone, by its code`() async throws {
        var fake = FakeHub()
        fake.record = { request in
            FakeHub.Response(
                accepted: UInt32(request.events.count - 2),
                rejected: [
                    SecurityhubV2.RejectedAuditEvent(
                        eventId: request.events[0].eventId, errorCode: "RESOURCE_EXHAUSTED"),
                    SecurityhubV2.RejectedAuditEvent(
                        eventId: request.events[2].eventId, errorCode: "INVALID_ARGUMENT"),
                ])
        }
        let outcomes = try await Self.together(fake, Self.several)
        #expect(outcomes == [.transient, nil, .permanent])
        #expect(fake.told.all.count == 2)
    }

    @Test func `what the answer leaves open is told again alone, and then given up`() async throws {
        var fake = FakeHub()
        fake.record = { request in
            if request.events.count > 1 { return FakeHub.Response(accepted: 1) }
            let isKnown = request.events[0].eventId == Self.event(2).id.description
            return FakeHub.Response(accepted: isKnown ? 1 : 0)
        }
        let outcomes = try await Self.together(fake, Self.several)
        #expect(outcomes == [nil, .permanent, .permanent])
    }

    @Test(arguments: [
        RPCStatusCode.cancelled, .unknown, .invalidArgument, .deadlineExceeded, .notFound,
        .alreadyExists, .permissionDenied, .resourceExhausted, .failedPrecondition, .aborted,
        .outOfRange, .unimplemented, .internalError, .unavailable, .dataLoss, .unauthenticated,
    ])
    func `every code has its consequence`(code: RPCStatusCode) async throws {
        var fake = FakeHub()
        fake.record = { _ in throw RPCError(code, "on purpose") }
        try await Neighbourhood.with(FakeEngine(), fake) { neighbours in
            let handler = SecurityHubAudit(
                neighbours.hub, deadline: .seconds(5), metrics: neighbours.metrics)
            let error = try await Self.outcome(of: Self.event(1), handler)
            let transient: Set<RPCStatusCode> = [
                .unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled,
            ]
            #expect(
                error?.kind
                    == (code == .unauthenticated
                        ? .refused : transient.contains(code) ? .transient : .permanent))
        }
        #expect(fake.told.all.count == 1, "no retries here")
    }
}
