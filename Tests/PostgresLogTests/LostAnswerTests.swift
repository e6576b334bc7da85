import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct LostAnswerTests {
    private static func batch(_ events: [NewEvent], after: Position) throws -> AppendBatch {
        let append = try PreparedAppend(AppendRequest(events: events), .ones(events.count))
        return AppendBatch(
            id: .random(), entries: [BatchQueue.Entry(ticket: 1, append: append)], sentAfter: after)
    }

    @Test func `an attempt whose answer was lost is told from a duplicate`() async throws {
        try await TestLog.with { test in
            let old = NewEvent.test(id: .number(1))
            _ = try await test.append(old)
            var batch = try Self.batch(
                [.test(), old, .test(id: .number(2))], after: Position(1))
            // Committed, and the answer thrown away.
            _ = try await test.pool.execute(SQLText.append, batch.parameters)

            batch.isInDoubt = true
            let rows = try await test.pool.execute(SQLText.append, batch.parameters)
            let found = try await test.pool.execute(
                SQLText.appendOfBatch, [.uuid(batch.id), .int8(1)])
            let row = try found.only()
            let stored =
                Position(UInt64(try row.int64(0)))...Position(UInt64(try row.int64(1)))
            #expect(stored == Position(2)...Position(3))
            let answer = try AppendAnswer(batch, rows, earlier: [stored])
            try #expect(
                answer.results.map { try $0.get() } == [[.stored(2), .duplicate(1), .stored(3)]])
            #expect(answer.recorded.isEmpty)
            try await expectEqual(test.history().count, 3)
        }
    }

    @Test func `an attempt that never committed is made again`() async throws {
        try await TestLog.with { test in
            var batch = try Self.batch([.test(), .test(id: .number(2))], after: .zero)
            _ = try await test.append(.test(id: .number(9)))
            batch.isInDoubt = true
            let rows = try await test.pool.execute(SQLText.append, batch.parameters)
            let answer = try AppendAnswer(batch, rows)
            try #expect(answer.results.map { try $0.get() } == [[.stored(2), .stored(3)]])
            #expect(answer.recorded.map(\.position.rawValue) == [2, 3])
        }
    }

    @Test func `writers whose connection dies again and again lose and repeat nothing`()
        async throws
    {
        var configuration = PostgresEventLog.Configuration()
        configuration.patience = .seconds(100)
        try await TestLog.with(configuration) { test in
            let answered = Lock<[UInt64: EventID]>([:])
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        for _ in 0..<60 {
                            let ids = (0..<3).map { _ in
                                EventID(high: UInt64(writer), low: .random(in: .min ... .max))
                            }
                            // Every other writer leaves the choice of ids to the service.
                            let events = ids.map {
                                NewEvent.test(id: $0).with(hasCallersID: writer % 2 != 0)
                            }
                            let outcomes = try await test.log.append(AppendRequest(events: events))
                            for (id, outcome) in zip(ids, outcomes) {
                                guard case .stored(let position) = outcome else {
                                    Issue.record("a new event was \(outcome)")
                                    continue
                                }
                                let other = answered.withLock {
                                    $0.updateValue(id, forKey: position.rawValue)
                                }
                                #expect(other == nil)
                            }
                        }
                        return true
                    }
                }
                group.addTask {
                    for _ in 0..<15 {
                        _ = try? await test.rows(
                            """
                            select pg_terminate_backend(pid) from pg_stat_activity
                            where application_name = 'apus log' and datname = current_database()
                            """)
                        for _ in 0..<20 { _ = try? await test.rows("select 1") }
                    }
                    return false
                }
                try await group.waitForAll()
            }
            let history = try await test.history()
            let acknowledged = answered.withLock { $0 }
            #expect(acknowledged.count == 6 * 60 * 3)
            #expect(history.map(\.position.rawValue) == Array(1...UInt64(history.count)))
            #expect(history.count == acknowledged.count)
            for event in history { #expect(acknowledged[event.position.rawValue] == event.id) }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a batch whose answer is lost when it goes again is in doubt from then on`()
        async throws
    {
        try await TemporaryDirectory.with { directory in
            let options = LocalPostgres.Options(dataDirectory: directory + "/data")
            let server = try await LocalPostgres.start(options, logger: .silent)
            let database = server.configuration
            _ = try await Migrator(logger: .silent).run(database, on: TestLoops.next)
            try await TestLog.node(on: database) { test in
                _ = try await test.append(.test())
                try await test.script(
                    """
                    create sequence apus.steps;
                    create function apus.refuse() returns trigger language plpgsql as $$
                    begin
                        if nextval('apus.steps') = 1 then
                            raise exception 'not now' using errcode = '25006';
                        end if;
                        return null;
                    end
                    $$;
                    create trigger refuse before insert on apus.identities
                        for each statement execute function apus.refuse();
                    -- To open the connection takes no commit then.
                    do $$
                    declare
                        opener regprocedure;
                    begin
                        for opener in
                            select p.oid from pg_proc p where p.proname = 'open_epoch'
                        loop
                            execute replace(
                                pg_get_functiondef(opener), 'for no key update', '');
                        end loop;
                    end
                    $$;
                    """)
                // Commits wait for it, until their session is ended, and are none the less.
                try await Self.wait(for: "nobody", test)
                try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
                    group.addTask {
                        try await test.log.append(
                            AppendRequest(events: [.test()], deadline: .now + .seconds(100)))
                    }
                    let end = """
                        select pg_terminate_backend(pid) from pg_stat_activity
                        where application_name = 'apus log' and wait_event = 'SyncRep'
                        """
                    while try await test.rows(end).isEmpty {}
                    try await Self.wait(for: "", test)
                    for try await outcomes in group { #expect(outcomes == [.stored(2)]) }
                }
                try await expectEqual(test.history().count, 2)
            }
            await server.stop()
        }
    }

    /// Has commits of sessions that begin from now on wait for a standby.
    private static func wait(for standby: String, _ test: TestLog) async throws {
        try await test.script("alter system set synchronous_standby_names = '\(standby)'")
        try await test.script("select pg_reload_conf()")
        while true {
            let new = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            let show = "select current_setting('synchronous_standby_names')"
            let found = try await new.execute(Statement(name: show, sql: show)).only().string(0)
            await new.close()
            if found == standby { return }
        }
    }

    @Test func `a store that stays away is said to be away`() async throws {
        var configuration = PostgresEventLog.Configuration()
        configuration.patience = .milliseconds(200)
        try await TestLog.with(configuration) { test in
            _ = try await test.append(.test())
            #expect(test.log.state == .available)
            try await test.refuseConnections()
            let error = await #expect(throws: EventsError.self) { try await test.append(.test()) }
            #expect(error?.code == .unavailable)
            #expect(test.log.state == .unavailable)
        }
    }

    @Test func `a full queue refuses with a time to come back`() async throws {
        var configuration = PostgresEventLog.Configuration()
        configuration.maxWaitingEvents = 4
        try await TestLog.with(configuration) { test in
            _ = try await test.append(.test())
            let refused = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        do {
                            _ = try await test.append(.test(), .test())
                            return false
                        } catch let error as EventsError {
                            return error.code == .resourceExhausted && error.reason == .overloaded
                        } catch {
                            return false
                        }
                    }
                }
                return await group.contains(true)
            }
            #expect(refused)
            let history = try await test.history()
            #expect(history.map(\.position.rawValue) == Array(1...UInt64(history.count)))
        }
    }
}
