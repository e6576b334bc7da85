import Events
import Postgres
import Testing

@testable import PostgresLog

/// What `apus verify` says of `apus.event_payloads`, the table behind `public.events`.
@Suite struct PayloadVerificationTests {
    /// Eight events, of which the payloads of the first `written` are written.
    private static func fill(_ test: TestLog, written: Int = 6) async throws {
        try await test.log.open()
        let unknown = NewEvent.test("subject-4", type: "lead.created", data: [255])
        _ = try await test.log.append(
            AppendRequest(
                events: (1...8).map { number in
                    switch number {
                    case 2: .test("odd")
                    case 4: unknown
                    default: .test("subject-\(number)")
                    }
                }))
        let table = PostgresPayloads(pool: test.pool)
        _ = try await table.claim(fence: 1)
        let rows = try await test.history().prefix(written).map {
            PayloadRow(position: $0.position, json: TestLog.json(of: $0))
        }
        guard !rows.isEmpty else { return }
        _ = try await table.keep(rows, after: .zero, fence: 1)
    }

    private static func payloads(_ test: TestLog) async throws -> [String] {
        try await test.verify().findings.filter { $0.hasPrefix("payload: ") }
    }

    @Test(arguments: [0, 6, 8])
    func `what the writer has not come to is not missed, nor is what has no JSON`(_ written: Int)
        async throws
    {
        try await TestLog.with { test in
            try await Self.fill(test, written: written)
            try await expectEqual(Self.payloads(test), [])
        }
    }

    @Test(arguments: [
        (
            "delete from apus.event_payloads where position in (1, 6)",
            [
                "payload: position 1: it has no row in apus.event_payloads",
                "payload: position 6: it has no row in apus.event_payloads",
            ]
        ),
        (
            "update apus.event_payloads set payload = '{\"subject\": \"other\"}' where position = 3",
            ["payload: position 3: its row in apus.event_payloads has another payload"]
        ),
        (
            "update apus.event_payloads set payload = null where position = 5",
            ["payload: position 5: its row in apus.event_payloads has no payload"]
        ),
        // That which Postgres does not take, and that which does not follow its schema, have none.
        (
            "update apus.event_payloads set payload = '{}' where position in (2, 4)",
            [
                "payload: position 2: its row in apus.event_payloads has another payload",
                "payload: position 4: its row in apus.event_payloads has another payload",
            ]
        ),
        (
            """
            update apus.event_payloads set correlation_id = 'other' where position = 1;
            update apus.event_payloads set source = 'other' where position = 2;
            update apus.event_payloads set recorded_at = recorded_at - interval '1 second'
                where position = 3
            """,
            (1...3).map {
                "payload: position \($0): its row in apus.event_payloads is of another event"
            }
        ),
        (
            """
            insert into apus.event_payloads
            select 7, recorded_at, id, tenant_id, type_id, partition, source
            from apus.event_payloads where position = 6;
            insert into apus.event_payloads
            select 100, recorded_at, id, tenant_id, type_id, partition, source
            from apus.event_payloads where position = 6
            """,
            [7, 100].map {
                "payload: position \($0): apus.event_payloads has a row, and is written up to 6"
            }
        ),
        (
            "update apus.payload_head set position = 7",
            ["payload: position 7: it has no row in apus.event_payloads"]
        ),
        (
            "delete from apus.events where position = 3",
            ["payload: position 3: apus.event_payloads has a row of it, and it is not there"]
        ),
    ])
    func `what is missing, too much or something else is found`(
        _ damage: String, _ expected: [String]
    ) async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script(damage)
            try await expectEqual(Self.payloads(test), expected)
        }
    }
}
