import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// The plans that the log's statements get whatever their parameters, at a million events.
@Suite struct PlanTests {
    static let million = """
        update apus.log_head set partition_size = 250000;
        do $$ begin
            for i in 1..5 loop
                update apus.log_head set covered_through = apus.add_events_partition();
            end loop;
        end $$;
        insert into apus.tenants (name) select 'tenant-' || g from generate_series(1, 200) g;
        insert into apus.types (name, version, message)
        select 'domain.type_' || g, 1, 'm' || g from generate_series(1, 27) g;
        insert into apus.events (position, occurred_at, recorded_at, id, tenant_id, type_id,
            partition, kind, occurred_nanos, source, subject, data)
        select g, now(), '2026-01-01'::timestamptz + g * interval '1 ms',
            ('00000000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid,
            case when g % 10000 = 0 then 200 else g % 50 + 1 end, g % 27 + 1, g % 64, 1, 0, 's',
            '', '\\x00'
        from generate_series(1, 1000000) g;
        insert into apus.identities (position, tenant_id, id, fingerprint, subject_key)
        select position, tenant_id, id, id, id from apus.events;
        insert into apus.appends
        select g * 500, g * 500 - 499, '2026-01-01'::timestamptz + g * 500 * interval '1 ms', 
            gen_random_uuid() from generate_series(1, 2000) g;
        insert into apus.log_epochs (id, opened_after, system_identifier, timeline)
        values (1, 0, 1, '1');
        analyze;
        """

    private struct Case {
        let statement: Statement
        let types: String
        let values: String
        /// Rows of events that reading may touch.
        var rows = 1_100.0
    }

    private static let log =
        "bigint, bigint, text[], text[], text, text[], smallint[], bigint, bigint"
    private static let tenants =
        "bigint, bigint, text[], text[], text, text[], smallint[], bigint, bigint, bigint"

    private static let cases = [
        Case(
            statement: SQLText.readHistory, types: "bigint, bigint, bigint",
            values: "500000, 501000, 4000000"),
        // Twice: what it comes to is more than a page may have.
        Case(
            statement: SQLText.readHistory, types: "bigint, bigint, bigint",
            values: "500000, 501000, 100000"),
        Case(
            statement: SQLText.readLog, types: log,
            values:
                "500000, 520000, '{^domain\\.type_3$}', '{tenant-3}', null, null, null, 1000, 4000000",
            rows: 20_001),
        Case(
            statement: SQLText.readLogBackward, types: log,
            values: "0, 1000000, null, null, null, null, null, 50, 4000000"),
        Case(
            statement: SQLText.readTenants, types: tenants,
            values:
                "0, 9007199254740991, null, '{tenant-200}', null, null, null, 1000, 4000000, 1000"),
        Case(
            statement: SQLText.readTenantHistory, types: "bigint, bigint, text, bigint, bigint",
            values: "0, 9007199254740991, 'tenant-200', 1000, 4000000", rows: 160),
        Case(
            statement: SQLText.readTenantHistory, types: "bigint, bigint, text, bigint, bigint",
            values: "500000, 9007199254740991, 'tenant-3', 1000, 100000", rows: 1_200),
        Case(
            statement: SQLText.readTenants, types: tenants,
            values:
                "0, 9007199254740991, null, '{tenant-3,tenant-7,tenant-200}', null, null, null, 100, 20000, 100",
            rows: 400),
        Case(
            statement: SQLText.readTenants, types: tenants,
            values:
                "0, 9007199254740991, '{^domain\\.type_3$}', '{tenant-3,tenant-7,tenant-200}', null, null, null, 100, 4000000, 100",
            rows: 400),
        Case(
            statement: SQLText.readTenantsBackward, types: tenants,
            values: "0, 1000000, null, '{tenant-200}', null, null, null, 50, 4000000, 50"),
        Case(
            statement: SQLText.eventsByID, types: "uuid[], text",
            values: "'{00000000-0000-7000-8000-000000000007}', 'tenant-8'", rows: 2),
        Case(
            statement: SQLText.eventsByPosition, types: "bigint[], bigint",
            values: "'{1,500000,999999}', 4000000",
            rows: 3),
        Case(statement: SQLText.bounds, types: "", values: "", rows: 0),
        Case(
            statement: SQLText.appendOfBatch, types: "uuid, bigint",
            values: "'00000000-0000-7000-8000-000000000007', 999900", rows: 0),
    ]

    @Test func `at a million events every read goes through an index`() async throws {
        try await TestPostgres.withDatabase(.log) { database in
            try await TestPostgres.script(Self.million, on: database)
            let connection = try await PostgresConnection.connect(
                database, on: TestLoops.next, logger: .silent)
            do {
                try await connection.script("set plan_cache_mode = force_generic_plan")
                for (index, each) in Self.cases.enumerated() {
                    try await Self.check(each, "plan_\(index)", on: connection)
                }
                try await Self.checkMoments(on: connection)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
        }
    }

    private static func check(
        _ each: Case, _ name: String, on connection: PostgresConnection
    ) async throws {
        let types = each.types.isEmpty ? "" : "(\(each.types))"
        let values = each.values.isEmpty ? "" : "(\(each.values))"
        try await connection.script("prepare \(name) \(types) as \(each.statement.sql)")
        let explain = "explain (analyze, timing off, costs off) execute \(name) \(values)"
        let plan = try await connection.execute(Statement(name: name + "_explain", sql: explain))
        var touched = 0.0
        for row in plan {
            let line = try row.string(0)
            for table in ["events_from", "identities", "appends"]
            where line.contains("Seq Scan on \(table)") {
                // A partition made ahead is empty.
                let isIdle = line.contains("never executed") || line.contains("events_from_1000001")
                #expect(isIdle, "\(each.statement.name): \(line)")
            }
            // A comparison of rows says where a scan begins. Another one looks as if it said where it
            // stops, but the scan goes on through all of the tenant.
            #expect(
                line.ranges(of: "ROW(tenant_id").count <= 1, "\(each.statement.name): \(line)")
            // Bounds of another plan would be of another list of partitions.
            #expect(!line.contains("Function Scan on visible_bounds"), "\(each.statement.name)")
            if line.contains("events_from"), line.contains("Scan") { touched += Self.rows(line) }
        }
        #expect(touched <= each.rows * 2, "\(each.statement.name) touched \(touched) rows")
    }

    /// The number after `rows=` times the number after `loops=`.
    private static func rows(_ line: String) -> Double {
        func number(_ key: String) -> Double {
            guard let range = line.firstRange(of: key) else { return 0 }
            return Double(line[range.upperBound...].prefix { $0.isNumber || $0 == "." }) ?? 0
        }
        return number("rows=") * number("loops=")
    }

    private static func checkMoments(on connection: PostgresConnection) async throws {
        for (moment, position) in [
            ("2026-01-01 00:00:00.001", Int64(0)), ("2026-01-01 00:05:00", 299_999),
            ("2027-01-01", 1_000_000),
        ] {
            let rows = try await connection.execute(
                Statement(name: moment, sql: "select apus.position_before('\(moment)+00')"))
            #expect(try rows.only().int64(0) == position)
        }
    }
}
