import Events
import IO
import Postgres
import Telemetry
import TestSupport

@testable import PostgresLog

/// A log with partitions of ten positions, and retention that runs when the test says so, by a
/// clock of the test's own.
struct RetainedLog: Sendable {
    let test: TestLog
    let clock = ManualClock(start: SystemWallClock().now())
    let sink = RecordingSink()
    let metrics = MetricsRegistry()

    static func with(
        _ body: @escaping @Sendable (RetainedLog) async throws -> Void
    ) async throws {
        try await TestLog.with(after: "update apus.log_head set partition_size = 10") { test in
            try await body(RetainedLog(test: test))
        }
    }

    func fill(_ count: Int) async throws {
        let events = (0..<count).map { _ in NewEvent.test("subject") }
        _ = try await test.log.append(AppendRequest(events: events))
    }

    func retention(_ change: (inout RetentionPolicy) -> Void) -> Retention {
        var policy = RetentionPolicy()
        change(&policy)
        let wall = clock.wall
        let database = test.database
        return Retention(
            policy,
            sizing: PartitionSizing(policy: policy, chosen: 10, pool: test.pool, wall: wall),
            pool: test.pool, metrics: metrics, logger: Logger(label: "test", sink: sink),
            clock: clock, wall: wall
        ) { lockTimeout in
            var configuration = database
            // A test waits for what cannot succeed.
            configuration.lockTimeout = min(lockTimeout, .milliseconds(200))
            return try await PostgresConnection.connect(
                configuration, on: TestLoops.next, logger: .silent)
        }
    }

    /// Rounds until all that has expired is gone: one gives up on a table that somebody uses just
    /// then, and the next comes.
    func finish(_ retention: inout Retention) async throws {
        for _ in 0..<1_000 {
            try await retention.round()
            if try await test.pool.execute(RetentionSQL.expired).first == nil { return }
        }
    }

    func earliest() async throws -> UInt64 {
        try await test.log.bounds().earliest.rawValue
    }

    /// The tables of partitions, attached or not.
    func tables() async throws -> [String] {
        let rows = try await test.rows(
            """
            select c.relname::text from pg_class c
            where c.relnamespace = 'apus'::regnamespace and c.relkind = 'r'
                and c.relname like 'events\\_from\\_%'
            order by c.oid
            """)
        return try rows.map { try $0.string(0) }
    }

    /// Runs `body` while a transaction that has read the log stays open.
    func withOpenReader(
        _ isolation: TransactionIsolation = .readCommitted,
        _ body: (PostgresTransaction) async throws -> Void
    ) async throws {
        let connection = try await PostgresConnection.connect(
            test.database, on: TestLoops.next, logger: .silent)
        do {
            try await connection.transaction(isolation) { transaction in
                _ = try await transaction.execute(Self.count)
                try await body(transaction)
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    static let count = Statement(
        name: "count", sql: "select count(*), coalesce(min(position), 0) from apus.events")
}
