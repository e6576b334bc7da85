import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Events that change many rows each.
@Suite struct LargeBatchTests {
    /// Each of its events is so many leads.
    private struct WideProjection: Projection {
        let name = "wide"
        let types = [TypePattern("lead.created")].compactMap(\.self)
        let tables = ["leads"]
        let width: Int

        func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
            (0..<width).map { number in
                ProjectionChange(
                    ProjectionChange.Name(rawValue: "project_lead_created"),
                    [
                        .text(event.tenant.rawValue), .text("\(event.position)-\(number)"),
                        .text("s"), .time(event.occurredAt),
                        .integer(Int64(event.position.rawValue)),
                    ])
            }
        }
    }

    @Test func `a batch has no more changes than a statement gets done`() async throws {
        try await TestLog.with { test in
            try await test.script(
                """
                create table apus.sizes (leads bigint);
                create function apus.note_size() returns trigger language plpgsql as $$
                begin
                    insert into apus.sizes select count(*) from changed;
                    return null;
                end
                $$;
                create trigger note_size after insert on apus.leads
                    referencing new table as changed
                    for each statement execute function apus.note_size();
                """)
            let registry = try HandlerRegistry.with(
                [], projections: [WideProjection(width: 1_500)])
            let node = TestNode(test, registry: registry)
            try await node.host.register()
            let events = (0..<60).map { NewEvent.test("s-\($0)") }
            _ = try await test.log.append(AppendRequest(events: events))
            try await node.running {
                let isDone = try await node.eventually {
                    try await test.rows("select count(*) from apus.leads").only().int64(0)
                        == 90_000
                }
                #expect(isDone)
            }
            try await expectEqual(node.statuses(), Array(repeating: .processed, count: 60))
            let largest = try await test.rows("select max(leads) from apus.sizes").only()
            try #expect(largest.int64(0) <= 20_000)
            // What went back unbegun is in the ledger as it was begun, once.
            let attempts = try await test.rows("select attempt from apus.ledger")
            try expectEqual(attempts.map { try $0.int32(0) }, Array(repeating: 1, count: 60))
        }
    }

    @Test func `an event that changes more than that is stored, by itself`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with(
                [], projections: [WideProjection(width: 20_001)])
            let node = TestNode(test, registry: registry)
            try await node.running {
                _ = try await test.append(.test("a"), .test("b"))
                let isDone = try await node.eventually {
                    try await node.statuses() == [.processed, .processed]
                }
                #expect(isDone)
                try await expectEqual(
                    test.rows("select count(*) from apus.leads").only().int64(0), 40_002)
            }
        }
    }
}
