import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Another session keeps what appends write to.
@Suite struct StallTests {
    private static func configuration(
        batchTimeout: Duration, patience: Duration
    ) -> PostgresEventLog.Configuration {
        var configuration = PostgresEventLog.Configuration()
        configuration.batchTimeout = batchTimeout
        configuration.patience = patience
        configuration.usesHints = false
        return configuration
    }

    /// Holds the lock of a table while `body` runs.
    private static func locking(
        _ table: String, _ test: TestLog, _ body: () async throws -> Void
    ) async throws {
        let holder = try await PostgresConnection.connect(
            test.database, on: TestLoops.next, logger: .silent)
        do {
            try await holder.transaction { transaction in
                let lock = "lock table \(table) in access exclusive mode"
                _ = try await transaction.execute(Statement(name: lock, sql: lock))
                try await body()
            }
            await holder.close()
        } catch {
            await holder.close()
            throw error
        }
    }

    private static let stalled = """
        select pid from pg_stat_activity where application_name = 'apus log'
            and wait_event_type = 'Lock' and datname = current_database()
        """

    /// Ends the session whose append waits for the lock.
    ///
    /// - Returns: Its process.
    private static func endStalledSession(_ test: TestLog) async throws -> Int32 {
        while true {
            guard let row = try await test.rows(stalled).first else { continue }
            let process = try row.int32(0)
            _ = try await test.rows("select pg_terminate_backend($1)", [.int4(process)])
            return process
        }
    }

    /// Returns once another session than that of `first` has waited for the lock and been told to
    /// stop waiting.
    private static func nextStall(after first: Int32, _ test: TestLog) async throws {
        var second: Int32?
        while true {
            let waiting = try await test.rows(stalled).map { try $0.int32(0) }
            if let second, !waiting.contains(second) { return }
            second = second ?? waiting.first { $0 != first }
        }
    }

    /// With a deadline that is far away.
    private static func append(_ test: TestLog) async throws -> [AppendOutcome] {
        try await test.log.append(
            AppendRequest(events: [.test()], deadline: .now + .seconds(100)))
    }

    @Test func `a batch that Postgres gave up goes again for those who have time left`()
        async throws
    {
        let configuration = Self.configuration(
            batchTimeout: .milliseconds(200), patience: .milliseconds(1))
        try await TestLog.with(configuration) { test in
            _ = try await Self.append(test)
            try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
                try await Self.locking("apus.identities", test) {
                    group.addTask { try await Self.append(test) }
                    // Given up at least once when this is refused.
                    let error = await #expect(throws: EventsError.self) {
                        try await test.append(.test())
                    }
                    #expect(error?.code == .unavailable)
                    #expect(error?.reason == .storeUnavailable)
                    #expect(test.log.state == .available)
                }
                let outcomes = try await group.next()
                #expect(outcomes == [.stored(2)])
            }
            // What was refused is not stored later.
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `a batch in doubt that Postgres gives up stays in doubt`()
        async throws
    {
        let configuration = Self.configuration(
            batchTimeout: .milliseconds(200), patience: .milliseconds(1))
        try await TestLog.with(configuration) { test in
            _ = try await Self.append(test)
            try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
                try await Self.locking("apus.identities", test) {
                    group.addTask { try await Self.append(test) }
                    let first = try await Self.endStalledSession(test)
                    try await Self.nextStall(after: first, test)
                }
                let outcomes = try await group.next()
                #expect(outcomes == [.stored(2)])
            }
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `a full disk is forgotten when nothing finds it full any more`() async throws {
        var configuration = PostgresEventLog.Configuration()
        configuration.troubleTime = .milliseconds(300)
        try await TestLog.with(configuration) { test in
            try await test.script(
                """
                create function apus.refuse() returns trigger language plpgsql as $$
                begin
                    raise exception 'no room' using errcode = '53100';
                end
                $$;
                create trigger refuse before insert on apus.identities
                    for each statement execute function apus.refuse();
                """)
            let error = await #expect(throws: EventsError.self) {
                try await test.append(.test())
            }
            #expect(error?.reason == .storeDiskFull)
            while test.log.state == .diskFull { try await Task.sleep(for: .milliseconds(5)) }
            #expect(test.log.state == .available)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a full disk is forgotten also when nobody waits for the batch that found it`()
        async throws
    {
        var configuration = Self.configuration(
            batchTimeout: .seconds(10), patience: .milliseconds(1))
        configuration.troubleTime = .milliseconds(50)
        try await TestLog.with(configuration) { test in
            _ = try await Self.append(test)
            // The answer is lost first.
            try await test.script(
                """
                create sequence apus.steps;
                create function apus.refuse() returns trigger language plpgsql as $$
                begin
                    if nextval('apus.steps') = 1 then
                        perform pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
                    end if;
                    raise exception 'no room' using errcode = '53100';
                end
                $$;
                create trigger refuse before insert on apus.identities
                    for each statement execute function apus.refuse();
                """)
            let error = await #expect(throws: EventsError.self) {
                try await test.log.append(
                    AppendRequest(events: [.test()], deadline: .now + .milliseconds(500)))
            }
            #expect(error?.code == .unavailable)
            while test.log.state != .available { try await Task.sleep(for: .milliseconds(5)) }
        }
    }
}
