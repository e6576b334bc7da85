import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct OutboxTests {
    private static func publish(_ subject: String, _ rest: String = "") -> String {
        "select apus.publish('lead.created', '{\"a\": \"\(subject)\"}', '\(subject)'\(rest))"
    }

    private static func with(
        _ body: @escaping @Sendable (TestOutbox) async throws -> Void
    ) async throws {
        try await TestLog.with { try await body(TestOutbox($0)) }
    }

    @Test func `what a transaction published is in the log after its commit, in order`()
        async throws
    {
        try await Self.with { outbox in
            try await outbox.session(outbox.lease()) { session in
                try await outbox.transaction { caller in
                    for subject in ["a", "b"] { try await caller.script(Self.publish(subject)) }
                    let early = try await session.nextPage(limit: 10)
                    #expect(early.isEmpty)
                }
                try await outbox.test.script(Self.publish("c"))
                let outcomes = try await session.drainAll()
                #expect(
                    outcomes == [.stored(Position(1)), .stored(Position(2)), .stored(Position(3))])
            }
            try await expectEqual(outbox.subjects(), ["a", "b", "c"])
            try await expectEqual(outbox.waiting(), 0)
        }
    }

    @Test func `what waits is counted without a session`() async throws {
        try await Self.with { outbox in
            for subject in ["a", "b"] { try await outbox.test.script(Self.publish(subject)) }
            let backlog = try await outbox.outbox.backlog()
            #expect(backlog.events == 2 && backlog.age > .zero && backlog.rejects == 0)
        }
    }

    @Test func `what was rolled back was never published`() async throws {
        try await Self.with { outbox in
            try await outbox.caller { caller in
                try await caller.script("begin; \(Self.publish("a")); rollback")
                try await caller.script(
                    """
                    begin; \(Self.publish("b")); savepoint s; \(Self.publish("c"));
                    rollback to s; \(Self.publish("d")); commit
                    """)
            }
            try await outbox.session(outbox.lease()) { _ = try await $0.drainAll() }
            try await expectEqual(outbox.subjects(), ["b", "d"])
        }
    }

    @Test func `a transaction that stays open is neither waited for nor skipped`() async throws {
        try await Self.with { outbox in
            try await outbox.session(outbox.lease()) { session in
                try await outbox.transaction { slow in
                    try await slow.script(Self.publish("slow-1"))
                    try await outbox.caller { quick in
                        for number in 1...5 {
                            try await quick.script(Self.publish("quick-\(number)"))
                            _ = try await session.drainAll(limit: 2)
                        }
                    }
                    let subjects = try await outbox.subjects()
                    #expect(subjects == (1...5).map { "quick-\($0)" })
                    try await slow.script(Self.publish("slow-2"))
                }
                _ = try await session.drainAll(limit: 1)
            }
            try await expectEqual(outbox.subjects().suffix(2), ["slow-1", "slow-2"])
        }
    }

    @Test func `a caller waits for no one, not even for the same id`() async throws {
        try await Self.with { outbox in
            let id = ", id => '0190b5e3-0000-7000-8000-000000000001'"
            try await outbox.session(outbox.lease()) { session in
                try await outbox.transaction { first in
                    try await first.script(Self.publish("a", id))
                    try await outbox.test.script("set lock_timeout = 1; \(Self.publish("a", id))")
                    try await expectEqual(session.drainAll(), [.stored(Position(1))])
                }
                try await expectEqual(session.drainAll(), [.duplicate(Position(1))])
            }
            try await expectEqual(outbox.rejects(), [])
            try await expectEqual(outbox.waiting(), 0)
        }
    }

    @Test func `an event comes as it was published`() async throws {
        try await Self.with { outbox in
            try await outbox.test.script(
                """
                select apus.publish_protobuf('lead.created', '\\x0a0234'::bytea, subject => 's',
                    id => '0190B5E3-0000-7000-8000-000000000001', tenant => 'acme', version => 3,
                    partition_key => 'k', source => 'crm', occurred_at => '2026-01-02 03:04:05.678+00',
                    correlation_id => 'a', causation_id => 'b', user_id => 'c', session_id => 'd',
                    request_id => 'e', channel => 'f', user_agent => 'g', ip_address => 'h',
                    traceparent => 'i', tracestate => 'j', extra => '{"k": "\\u0001 \\"ü"}')
                """)
            try await outbox.session(outbox.lease()) { session in
                let entry = try #require(try await session.nextPage(limit: 1).first)
                let id = try #require(EventID("0190b5e3-0000-7000-8000-000000000001"))
                let expected = EventDraft(
                    id: id.description, type: "lead.created", version: 3, tenant: "acme",
                    source: "crm", subject: "s", partitionKey: "k",
                    occurredAt: Timestamp(seconds: 1_767_323_045, nanoseconds: 678_000_000),
                    metadata: EventMetadata(
                        correlationID: "a", causationID: "b", userID: "c", sessionID: "d",
                        requestID: "e", channel: "f", userAgent: "g", ipAddress: "h",
                        traceparent: "i", tracestate: "j", extra: ["k": "\u{1} \"ü"]))
                #expect(entry.id == id)
                #expect(entry.draft == expected)
                #expect(entry.payload == .protobuf([0x0a, 0x02, 0x34]))
            }
        }
    }

    @Test func `a key that will be refused for its marks is not made a key`() async throws {
        try await Self.with { outbox in
            try await outbox.test.script(
                """
                select apus.publish('lead.created', '{}', tenant => 'acme',
                    extra => jsonb_build_object(repeat(chr(769), 65), 'v'))
                """)
            try await outbox.session(outbox.lease()) { session in
                let entry = try #require(try await session.nextPage(limit: 1).first)
                #expect(entry.draft.metadata.extra.map(\.key) == [""])
                #expect(entry.draft.metadata.extra[""]?.holdsLongMarkRun == true)
            }
        }
    }

    @Test func `an id with other content is rejected, and blocks nothing`() async throws {
        try await Self.with { outbox in
            let one = ", id => '0190b5e3-0000-7000-8000-000000000001'"
            let two = ", id => '0190b5e3-0000-7000-8000-000000000002'"
            try await outbox.session(outbox.lease()) { session in
                try await outbox.test.script(Self.publish("a", one))
                _ = try await session.drainAll()
                try await outbox.caller { caller in
                    for (subject, id) in [
                        ("x", one), ("b", ""), ("a", one), ("c", two), ("y", two), ("c", two),
                    ] { try await caller.script(Self.publish(subject, id)) }
                }
                let outcomes = try await session.drainAll()
                #expect(
                    outcomes == [
                        .rejected(.idTaken), .stored(Position(2)), .duplicate(Position(1)),
                        .stored(Position(3)), .rejected(.idTaken), .duplicate(Position(3)),
                    ])
            }
            try await expectEqual(outbox.subjects(), ["a", "b", "c"])
            let detail = "id: is known, with other content"
            try await expectEqual(
                outbox.rejects(), [["x", "ID_TAKEN", detail], ["y", "ID_TAKEN", detail]])
        }
    }

    @Test func `what was refused is kept, and can be tried again`() async throws {
        try await Self.with { outbox in
            try await outbox.session(outbox.lease()) { session in
                try await outbox.caller { caller in
                    for subject in ["a", "b", "c"] {
                        try await caller.script(Self.publish(subject))
                    }
                }
                let page = try await session.nextPage(limit: 2)
                let refusal = OutboxRefusal(.invalid, "event.data.a: is wrong")
                let outcomes = try await session.move([.failure(refusal), .success(page[1].event)])
                #expect(outcomes == [.rejected(.invalid), .stored(Position(1))])
                _ = try await session.nextPage(limit: 2)
                _ = try await session.move([.failure(refusal)])
                try await expectEqual(outbox.waiting(), 0)
                try await expectEqual(
                    outbox.rejects(),
                    [["a", "INVALID", refusal.detail], ["c", "INVALID", refusal.detail]])

                let count = try await outbox.test.rows("select apus.retry_rejects()").only().int64(
                    0)
                #expect(count == 2)
                try await expectEqual(outbox.rejects(), [])
                let again = try await session.nextPage(limit: 10)
                #expect(again.map(\.draft.subject) == ["a", "c"])
                #expect(again[0].id == page[0].id)
                #expect(again[0].publishedAt == page[0].publishedAt)
                _ = try await session.drainAll()
            }
            try await expectEqual(outbox.subjects(), ["b", "a", "c"])
        }
    }

    @Test func `retries choose by number, type and tenant, and may give new ids`() async throws {
        try await Self.with { outbox in
            let id = ", id => '0190b5e3-0000-7000-8000-000000000001', tenant => 'acme'"
            try await outbox.session(outbox.lease()) { session in
                try await outbox.test.script(
                    "\(Self.publish("a", id)); \(Self.publish("b")); \(Self.publish("c"))")
                let page = try await session.nextPage(limit: 3)
                let refusal = OutboxRefusal(.refused, "no")
                _ = try await session.move(page.map { _ in .failure(refusal) })
                func retry(_ arguments: String) async throws -> Int64 {
                    try await outbox.test.rows("select apus.retry_rejects(\(arguments))").only()
                        .int64(0)
                }
                try await expectEqual(retry("type => 'other.type'"), 0)
                try await expectEqual(retry("tenant => 'other'"), 0)
                try await expectEqual(retry("tenant => 'acme', new_ids => true"), 1)
                try await expectEqual(retry("array[2]"), 1)
                let again = try await session.nextPage(limit: 3)
                #expect(again.map(\.draft.subject) == ["a", "b"])
                #expect(again[0].id != page[0].id)
                #expect(again[0].draft.id.isEmpty)
            }
        }
    }
}
