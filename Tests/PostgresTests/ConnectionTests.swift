import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
    @Test func `answers come to those who asked, however many are under way`() async throws {
        try await withConnection { connection in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let rows = try await connection.execute(
                            sql("SELECT $1 * 2"), [.int8(Int64(number))])
                        #expect(try rows.only().int64(0) == Int64(number) * 2)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `statements run in the order they were asked`() async throws {
        try await withConnection { connection in
            _ = try await connection.execute(
                sql("CREATE TABLE t (id int8 GENERATED ALWAYS AS IDENTITY, n int8)"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Started on the connection's own thread, they keep their order.
                for number in 0..<200 {
                    group.addTask(executorPreference: connection.loop) {
                        _ = try await connection.execute(
                            sql("INSERT INTO t (n) VALUES ($1)"), [.int8(Int64(number))])
                    }
                }
                try await group.waitForAll()
            }
            let rows = try await connection.execute(sql("SELECT n FROM t ORDER BY id"))
            #expect(try rows.map { try $0.int64(0) } == (0..<200).map { Int64($0) })
        }
    }

    @Test func `a statement that fails leaves its neighbours alone`() async throws {
        try await withConnection { connection in
            _ = try await connection.execute(sql("CREATE TABLE t (n int8 PRIMARY KEY)"))
            let failures = await withTaskGroup(of: PostgresError?.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        await postgresError {
                            _ = try await connection.execute(
                                sql("INSERT INTO t VALUES ($1)"), [.int8(Int64(number / 2))])
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }.compactMap { $0 }
            #expect(failures.count == 50)
            #expect(failures.allSatisfy { $0.sqlState == "23505" && $0.constraint == "t_pkey" })
            #expect(failures.allSatisfy { $0.code == .rejected && !$0.retryable })
            let rows = try await connection.execute(sql("SELECT count(*) FROM t"))
            #expect(try rows.only().int64(0) == 50)
        }
    }

    @Test func `what is wrong with our own SQL is said, and a corrected one goes`() async throws {
        try await withConnection { connection in
            for _ in 0..<2 {
                let error = await postgresError {
                    _ = try await connection.execute(
                        sql("SELECT * FROM missing WHERE a = $1"), [.int4(1)])
                }
                #expect(error?.sqlState == "42P01")
                #expect(error?.message.contains("missing") == true)
            }
            _ = try await connection.execute(sql("CREATE TABLE missing (a int4)"))
            let rows = try await connection.execute(
                sql("SELECT * FROM missing WHERE a = $1"), [.int4(1)])
            #expect(rows.isEmpty)
        }
    }

    @Test func `calls sent behind a failed preparation learn its reason`() async throws {
        try await withConnection { connection in
            let states = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        await postgresError {
                            _ = try await connection.execute(sql("SELECT nonsense"))
                        }?.sqlState
                    }
                }
                return await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(states == ["42703"])
        }
    }

    @Test func `a commit that fails after the statement succeeded is a failure`() async throws {
        try await withConnection { connection in
            try await connection.script(
                """
                CREATE TABLE parents (id int8 PRIMARY KEY);
                CREATE TABLE children (
                    parent int8 REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
                """)
            let insert = sql("INSERT INTO children VALUES ($1)")
            async let neighbour = connection.execute(sql("SELECT 1"))
            let error = await postgresError { _ = try await connection.execute(insert, [.int8(7)]) }
            #expect(error?.sqlState == "23503")
            #expect(try await neighbour.count == 1)
            let rows = try await connection.execute(sql("SELECT count(*) FROM children"))
            #expect(try rows.only().int64(0) == 0)
        }
    }

    @Test func `a statement prepared before a table changed goes on after one failure`()
        async throws
    {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
            _ = try await connection.execute(sql("SELECT * FROM t"))
            try await connection.script("ALTER TABLE t ADD COLUMN m int")
            _ = await postgresError { _ = try await connection.execute(sql("SELECT * FROM t")) }
            let rows = try await connection.execute(sql("SELECT * FROM t"))
            #expect(rows.columnNames == ["n", "m"])
        }
    }

    @Test func `a statement that takes too long ends by the server's time limit`() async throws {
        let change = { (configuration: inout PostgresConfiguration) in
            configuration.statementTimeout = .milliseconds(20)
        }
        try await withConnection(change) { connection in
            let error = await postgresError {
                _ = try await connection.execute(sql("SELECT pg_sleep(60)"))
            }
            #expect(error?.code == .timedOut)
            #expect(error?.sqlState == "57014")
            // On a busy machine so little time may end any statement, and never the session.
            var next: PostgresError?
            repeat {
                next = await postgresError { _ = try await connection.execute(sql("SELECT 1")) }
            } while next?.code == .timedOut
            #expect(next == nil)
        }
    }

    @Test func `a cancelled caller leaves at once and harms nobody`() async throws {
        try await withConnection { connection in
            try await withConnection(to: connection.configuration) { other in
                // Held until the other session lets go: no time passes in this test.
                _ = try await other.execute(sql("SELECT pg_advisory_lock(1)"))
                let waiting = Task {
                    try await connection.execute(sql("SELECT pg_advisory_lock(1)"))
                }
                let behind = Task { try await connection.execute(sql("SELECT 2")) }
                waiting.cancel()
                await #expect(throws: CancellationError.self) { try await waiting.value }
                _ = try await other.execute(sql("SELECT pg_advisory_unlock(1)"))
                #expect(try await behind.value.only().int32(0) == 2)
            }
        }
    }

    @Test func `a session that is ended from outside tells everyone who waits`() async throws {
        try await withConnection { connection in
            let pid = await connection.backendPID
            let waiting = (0..<10).map { _ in
                Task { try await connection.execute(sql("SELECT pg_sleep(60)")) }
            }
            try await withConnection(to: connection.configuration) { other in
                try await other.untilActive(pid)
                _ = try await other.execute(sql("SELECT pg_terminate_backend($1)"), [.int4(pid)])
            }
            for task in waiting {
                let error = await postgresError { _ = try await task.value }
                #expect(error?.code == .connectionLost)
                #expect(error?.sqlState == "57P01", "\(String(describing: error))")
                #expect(error?.retryable == true)
            }
            #expect(await !connection.isOpen)
            let error = await postgresError { _ = try await connection.execute(sql("SELECT 1")) }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test func `closing tells everyone who waits`() async throws {
        try await withConnection { connection in
            let waiting = Task { try await connection.execute(sql("SELECT pg_sleep(60)")) }
            try await withConnection(to: connection.configuration) { other in
                try await other.untilActive(await connection.backendPID)
            }
            await connection.close()
            let error = await postgresError { _ = try await waiting.value }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test func `more than may wait are refused`() async throws {
        try await TestPostgres.withDatabase { configuration in
            var narrow = configuration
            narrow.maxInFlight = 1
            narrow.maxWaiting = 2
            try await withConnection(to: configuration) { holder in
                _ = try await holder.execute(sql("SELECT pg_advisory_lock(1)"))
                try await withConnection(to: narrow) { connection in
                    await withTaskGroup(of: PostgresError?.self) { group in
                        for _ in 0..<10 {
                            group.addTask {
                                await postgresError {
                                    _ = try await connection.execute(
                                        sql("SELECT pg_advisory_lock_shared(1)"))
                                }
                            }
                        }
                        // One is held up in Postgres and two wait for it: only seven can end.
                        for _ in 0..<7 {
                            #expect(await group.next()??.code == .overloaded)
                        }
                        _ = try? await holder.execute(sql("SELECT pg_advisory_unlock(1)"))
                        for await error in group { #expect(error == nil) }
                    }
                }
            }
        }
    }

    @Test func `the session is set up as the log needs it`() async throws {
        let change = { (configuration: inout PostgresConfiguration) in
            configuration.applicationName = "a name with spaces"
            configuration.sessionSettings = [
                "work_mem": "8MB", "search_path": "a, b",
                "default_transaction_isolation": "serializable",
            ]
        }
        try await withConnection(change) { connection in
            for (name, value) in [
                ("synchronous_commit", "on"), ("TimeZone", "UTC"), ("jit", "off"),
                ("client_encoding", "UTF8"), ("statement_timeout", "30s"), ("work_mem", "8MB"),
                ("search_path", "a, b"), ("application_name", "a name with spaces"),
                ("default_transaction_isolation", "read committed"),
            ] {
                let rows = try await connection.execute(
                    sql("SELECT current_setting($1)"), [.text(name)])
                #expect(try rows.only().string(0) == value)
            }
        }
    }
}

extension PostgresConnection {
    /// Suspends until the session with that number runs a statement.
    func untilActive(_ pid: Int32) async throws {
        let statement = sql(
            "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'")
        while try await execute(statement, [.int4(pid)]).isEmpty {}
    }
}
