import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// EXPLAIN does not look into a function, so Postgres' own counts tell how its statements ran.
@Suite struct AppendPlanTests {
    private static let scans = """
        select coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_scan), 0)::bigint
        from pg_stat_user_tables
        where relname in ('identities', 'appends') or relname like 'events_from_%'
        """

    /// What a session did is counted when it has ended, at the latest.
    private static let others = """
        select count(*), pg_sleep(0.02)::text from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
            and backend_type = 'client backend'
        """

    @Test func `at a million events an append reads no table from end to end`() async throws {
        try await TestPostgres.withDatabase(.log) { database in
            try await TestPostgres.script(PlanTests.million, on: database)
            let before = try await Self.counts(database)
            try await TestLog.node(on: database) { test in
                for number in 0..<20 {
                    _ = try await test.append(.test("lead/\(number)"), .test("lead/\(number)"))
                }
                // Ids that clients chose, one of them known; and a subject's newest position.
                let chosen = NewEvent.test("lead/x", id: .number(7))
                expectEqual(try await test.append(chosen), [.stored(1_000_041)])
                expectEqual(try await test.append(chosen), [.duplicate(1_000_041)])
                let held = AppendRequest(
                    events: [.test("lead/x")],
                    precondition: SubjectPrecondition(
                        tenant: TenantID(unchecked: "acme"), subject: "lead/x",
                        lastPosition: Position(1_000_041)))
                expectEqual(try await test.log.append(held), [.stored(1_000_042)])
            }
            let after = try await Self.counts(database)
            #expect(after.index > before.index)
            // Partitions made ahead and looked at while they are nearly empty.
            #expect(after.sequential - before.sequential < 5_000)
        }
    }

    private static func counts(
        _ database: PostgresConfiguration
    ) async throws -> (sequential: Int64, index: Int64) {
        let connection = try await PostgresConnection.connect(
            database, on: TestLoops.next, logger: .silent)
        do {
            for _ in 0..<500 {
                let rows = try await connection.execute(Statement(name: "others", sql: others))
                if try rows.only().int64(0) == 0 { break }
            }
            let rows = try await connection.execute(Statement(name: "scans", sql: scans))
            let row = try rows.only()
            let counts = (try row.int64(0), try row.int64(1))
            await connection.close()
            return counts
        } catch {
            await connection.close()
            throw error
        }
    }
}
