import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct OutboxFencingTests {
    @Test func `who lost the lease moves nothing`() async throws {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            try await test.script("select apus.publish('lead.created', '{}', 'a')")
            try await outbox.session(outbox.lease("old", for: .zero)) { old in
                let stale = try await old.nextPage(limit: 10)
                #expect(stale.count == 1)
                try await outbox.session(outbox.lease("new")) { new in
                    await #expect(throws: OutboxError.leaseLost) {
                        try await old.move(stale.map { .success($0.event) })
                    }
                    await #expect(throws: OutboxError.leaseLost) {
                        try await old.move([.failure(OutboxRefusal(.invalid, ""))])
                    }
                    try await expectEqual(new.drainAll(), [.stored(Position(1))])
                }
            }
            try await expectEqual(outbox.subjects(), ["a"])
            try await expectEqual(outbox.rejects(), [])
        }
    }

    @Test func `rows that an unanswered attempt has moved are not moved twice`() async throws {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            let lease = try await outbox.lease()
            try await test.script("select apus.publish('lead.created', '{}', 'a')")
            try await outbox.session(lease) { first in
                let page = try await first.nextPage(limit: 10)
                try await outbox.session(lease) { second in _ = try await second.drainAll() }
                await #expect(throws: EventsError.self) {
                    try await first.move(page.map { .success($0.event) })
                }
            }
            try await expectEqual(outbox.subjects(), ["a"])
        }
    }

    @Test func `a page is found again by who comes next`() async throws {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            try await test.script("select apus.publish('lead.created', '{}', 'a')")
            try await outbox.session(outbox.lease("old", for: .zero)) { old in
                _ = try await old.nextPage(limit: 10)
            }
            try await outbox.session(outbox.lease("new")) { new in
                try await expectEqual(new.drainAll(), [.stored(Position(1))])
            }
        }
    }

    @Test func `an event that the store refuses says so, and takes no other with it`() async throws
    {
        try await TestLog.with { test in
            let outbox = TestOutbox(test)
            try await test.script(
                "select apus.publish('lead.created', '{}', 'a'), apus.publish('lead.created', '{}', 'b')"
            )
            try await outbox.session(outbox.lease()) { session in
                let page = try await session.nextPage(limit: 10)
                var events = page.map(\.event)
                events[0] = events[0].with(source: "a\0b")
                await #expect(throws: OutboxError.refused("SQLSTATE 22021")) {
                    try await session.move(events.map { .success($0) })
                }
                try await expectEqual(outbox.waiting(), 2)
                let alone = try await session.nextPage(limit: 1)
                #expect(alone.map(\.draft.subject) == ["a"])
                let refusal = OutboxRefusal(.refused, "SQLSTATE 22021")
                try await expectEqual(
                    session.move([.failure(refusal)]), [.rejected(.refused)])
                try await expectEqual(session.drainAll(), [.stored(Position(1))])
            }
        }
    }
}
