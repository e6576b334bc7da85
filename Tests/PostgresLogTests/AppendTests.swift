import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct AppendTests {
    @Test func `positions count from one, in order`() async throws {
        try await TestLog.with { test in
            try await expectEqual(test.append(.test(), .test()), [.stored(1), .stored(2)])
            try await expectEqual(test.append(.test()), [.stored(3)])
            let bounds = try await test.log.bounds()
            #expect(bounds.head == Position(3))
            #expect(bounds.earliest == Position(1))
        }
    }

    @Test func `an event comes back as it went in`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test("lead-1", id: .number(1), data: Array(0...255)).with(
                partitionKey: "other",
                metadata: EventMetadata(
                    correlationID: "a", causationID: "b", userID: "c", sessionID: "d",
                    requestID: "e", channel: "f", userAgent: "g", ipAddress: "h", traceparent: "i",
                    tracestate: "j", extra: ["k \"\\\n\u{1}": "ü 🕊", "": "empty", "l": ""]))
            // Alone, and in company.
            _ = try await test.append(event)
            let twin = event.with(id: .number(2))
            _ = try await test.append(twin, .test())
            let history = try await test.history()
            #expect(history.map(\.id).prefix(2) == [event.id, twin.id])
            for read in history.prefix(2) {
                #expect(read.type == event.type)
                #expect(read.version == event.version)
                #expect(read.kind == event.kind)
                #expect(read.tenant == event.tenant)
                #expect(read.source == event.source)
                #expect(read.subject == event.subject)
                #expect(read.partitionKey == event.partitionKey)
                #expect(read.partition == Partition.of(tenant: event.tenant, key: "other"))
                #expect(read.occurredAt == event.occurredAt)
                #expect(read.metadata == event.metadata)
                #expect(read.messageName == event.messageName)
                #expect(read.data == event.data)
            }
        }
    }

    @Test func `the same id with the same content is a duplicate`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test(id: .number(1))
            try await expectEqual(test.append(event), [.stored(1)])
            try await expectEqual(test.append(event), [.duplicate(1)])
            try await expectEqual(test.append(.test(), event), [.stored(2), .duplicate(1)])
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `the same id in another tenant is another event`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test(id: .number(1)))
            let other = try await test.append(.test(id: .number(1), content: 2, tenant: "other"))
            #expect(other == [.stored(2)])
        }
    }

    @Test func `an id that is taken by other content refuses the whole request`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test(id: .number(1)))
            let error = await #expect(throws: EventsError.self) {
                try await test.append(.test(), .test(id: .number(1), content: 2), .test())
            }
            #expect(error == .idTaken(.number(1)))
            try await expectEqual(test.history().count, 1)
            try await expectEqual(test.append(.test()), [.stored(2)])
        }
    }

    @Test func `a partial request stores what it can`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test(id: .number(1)))
            let outcomes = try await test.log.append(
                AppendRequest(
                    events: [
                        .test(), .test(id: .number(1), content: 2), .test(id: .number(1)), .test(),
                        .test(id: .number(9)), .test(id: .number(9)),
                        .test(id: .number(9), content: 3),
                    ], allowPartial: true))
            #expect(
                outcomes == [
                    .stored(2), .rejected(.idTaken(.number(1))), .duplicate(1), .stored(3),
                    .stored(4), .duplicate(4), .rejected(.idTaken(.number(9))),
                ])
        }
    }

    @Test func `an id twice in one request is stored once`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test(id: .number(5))
            try await expectEqual(
                test.append(event, .test(), event), [.stored(1), .stored(2), .duplicate(1)])
            await #expect(throws: EventsError.idTaken(.number(6))) {
                try await test.append(
                    .test(id: .number(6)), .test(id: .number(6), content: 2))
            }
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `a precondition holds for the subject's newest event only`() async throws {
        try await TestLog.with { test in
            func publish(_ subject: String, after position: UInt64) async throws -> [AppendOutcome]
            {
                try await test.log.append(
                    AppendRequest(
                        events: [.test(subject)],
                        precondition: SubjectPrecondition(
                            tenant: TenantID(unchecked: "acme"), subject: subject,
                            lastPosition: Position(position))))
            }
            try await expectEqual(publish("a", after: 0), [.stored(1)])
            await #expect(
                throws: EventsError.subjectMoved("a", expected: Position(0), actual: Position(1))
            ) { try await publish("a", after: 0) }
            try await expectEqual(publish("b", after: 0), [.stored(2)])
            try await expectEqual(publish("a", after: 1), [.stored(3)])
            await #expect(
                throws: EventsError.subjectMoved("b", expected: Position(9), actual: Position(2))
            ) { try await publish("b", after: 9) }
            try await expectEqual(test.history().count, 3)
        }
    }

    @Test func `a subject of another tenant is another one, also where their keys are the same`()
        async throws
    {
        try await TestLog.with { test in
            _ = try await test.append(.test("seat"), .test("table", tenant: "other"))
            _ = try await test.rows(
                """
                update apus.identities set subject_key = (
                    select subject_key from apus.identities where position = 1)
                """)
            let request = AppendRequest(
                events: [.test("seat")],
                precondition: SubjectPrecondition(
                    tenant: TenantID(unchecked: "acme"), subject: "seat",
                    lastPosition: Position(1)))
            try await expectEqual(test.log.append(request), [.stored(3)])
            let error = await #expect(throws: EventsError.self) {
                try await test.log.append(request)
            }
            #expect(
                error == .subjectMoved("seat", expected: Position(1), actual: Position(3)))
        }
    }

    @Test func `duplicates are resolved before the precondition`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test("a", id: .number(1))
            let request = AppendRequest(
                events: [event],
                precondition: SubjectPrecondition(
                    tenant: event.tenant, subject: "a", lastPosition: .zero))
            try await expectEqual(test.log.append(request), [.stored(1)])
            try await expectEqual(test.log.append(request), [.duplicate(1)])
            let more = AppendRequest(
                events: [event, .test("a")], precondition: request.precondition)
            await #expect(
                throws: EventsError.subjectMoved("a", expected: .zero, actual: Position(1))
            ) { try await test.log.append(more) }
        }
    }

    @Test func `of many who expect the same of a subject one wins`() async throws {
        try await TestLog.with { test in
            let wins = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        let outcome = try? await test.log.append(
                            AppendRequest(
                                events: [.test("seat")],
                                precondition: SubjectPrecondition(
                                    tenant: TenantID(unchecked: "acme"), subject: "seat",
                                    lastPosition: .zero)))
                        return outcome != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
            try await expectEqual(test.history().count, 1)
        }
    }

    @Test func `positions stay dense under concurrent requests of every kind`() async throws {
        try await TestLog.with { first in
            try await TestLog.node(on: first.database) { second in
                try await Self.storm(first, second)
                let events = try await first.history(page: 97)
                #expect(events.map(\.position.rawValue) == Array(1...UInt64(events.count)))
                let times = events.map(\.recordedAt)
                #expect(times == times.sorted())
                #expect(Set(events.map(\.id)).count == events.count)
            }
        }
    }

    @Test func `a partition key that only looks like the subject is kept byte by byte`()
        async throws
    {
        try await TestLog.with { test in
            let event = NewEvent.test("caf\u{e9}").with(partitionKey: "cafe\u{301}")
            _ = try await test.append(event)
            let stored = try #require(try await test.history().first)
            #expect(Array(stored.subject.utf8) == Array("caf\u{e9}".utf8))
            #expect(Array(stored.partitionKey.utf8) == Array("cafe\u{301}".utf8))
        }
    }

    /// Requests of many sizes on two nodes, some with the same ids, some refused.
    private static func storm(_ first: TestLog, _ second: TestLog) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<16 {
                let test = client % 2 == 0 ? first : second
                group.addTask {
                    for round in 0..<20 {
                        let shared = UInt64(round * 4 + client % 4 + 1)
                        var events = (0..<(client + round) % 7 + 1).map { _ in NewEvent.test("s") }
                        events.append(
                            .test(
                                id: .number(shared),
                                content: round % 2 == 0 ? UInt64(client % 3) : 1))
                        let outcomes = try await test.log.append(
                            AppendRequest(events: events, allowPartial: round % 2 == 0))
                        let stored = outcomes.compactMap { outcome -> UInt64? in
                            guard case .stored(let position) = outcome else { return nil }
                            return position.rawValue
                        }
                        // The new events of one request are adjacent.
                        if let low = stored.first, let high = stored.last {
                            #expect(stored == Array(low...high))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
