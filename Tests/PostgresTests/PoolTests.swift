import Postgres
import Telemetry
import TestSupport
import Testing

@Suite struct PoolTests {
    private func limits(_ size: Int, maxWaiting: Int = 8_192) -> PostgresPool.Limits {
        var limits = PostgresPool.Limits(size: size)
        limits.maxWaiting = maxWaiting
        return limits
    }

    @Test func `many callers share few connections`() async throws {
        try await TestPostgres.withDatabase { configuration in
            try await withPool(configuration, limits(3)) { pool in
                let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                    for _ in 0..<300 {
                        group.addTask {
                            try await pool.execute(sql("SELECT pg_backend_pid()")).only().int32(0)
                        }
                    }
                    return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
                }
                #expect((1...3).contains(pids.count))
                #expect(pool.openConnections <= 3)
            }
        }
    }

    @Test func `a lent connection is one caller's alone, and never more are lent than there are`()
        async throws
    {
        try await TestPostgres.withDatabase { configuration in
            try await withPool(configuration, limits(2)) { pool in
                let lent = Lock(0)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<30 {
                        group.addTask {
                            try await pool.withConnection { connection in
                                let now = lent.withLock { lent in
                                    lent += 1
                                    return lent
                                }
                                #expect(now <= 2)
                                _ = try await connection.execute(sql("SELECT 1"))
                                lent.withLock { $0 -= 1 }
                            }
                        }
                        group.addTask { _ = try await pool.execute(sql("SELECT 2")) }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func `a caller that gave up keeps its connection until the server has answered`(
        alone: Bool
    ) async throws {
        try await TestPostgres.withDatabase { configuration in
            try await withPool(configuration, limits(2)) { pool in
                try await withConnection(to: configuration) { other in
                    _ = try await other.execute(sql("SELECT pg_advisory_lock(1)"))
                    let wait = sql("SELECT pg_advisory_lock(1)")
                    let task = Task {
                        if alone {
                            try await pool.transaction { _ = try await $0.execute(wait) }
                        } else {
                            _ = try await pool.execute(wait)
                        }
                    }
                    let waits = sql(
                        """
                        SELECT count(*) FROM pg_locks l
                        JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
                        WHERE l.locktype = 'advisory' AND NOT l.granted
                        """)
                    while try await other.execute(waits).only().int64(0) == 0 {}
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    // Behind the other they would wait for the lock too.
                    for _ in 0..<4 { _ = try await pool.execute(sql("SELECT 1")) }
                    try await pool.transaction { _ = try await $0.execute(sql("SELECT 2")) }
                    #expect(try await other.execute(waits).only().int64(0) == 1)
                    _ = try await other.execute(sql("SELECT pg_advisory_unlock(1)"))
                    // Both are there again.
                    try await pool.withConnection { first in
                        try await pool.withConnection { second in
                            #expect(first !== second)
                        }
                    }
                }
            }
        }
    }

    @Test func `transactions run side by side and are kept`() async throws {
        try await TestPostgres.withDatabase { configuration in
            try await withPool(configuration, limits(3)) { pool in
                _ = try await pool.execute(sql("CREATE TABLE t (n int)"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<30 {
                        group.addTask {
                            try await pool.transaction { transaction in
                                _ = try await transaction.execute(
                                    sql("INSERT INTO t VALUES ($1)"), [.int4(Int32(number))])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let rows = try await pool.execute(sql("SELECT count(*) FROM t"))
                #expect(try rows.only().int64(0) == 30)
            }
        }
    }

    @Test func `a pool whose sessions are ended recovers`() async throws {
        try await TestPostgres.withDatabase { configuration in
            try await withPool(configuration, limits(2)) { pool in
                for _ in 0..<3 {
                    let pid = try await pool.execute(sql("SELECT pg_backend_pid()")).only().int32(0)
                    try await withConnection(to: configuration.database("postgres")) { other in
                        _ = try await other.execute(
                            sql("SELECT pg_terminate_backend($1)"), [.int4(pid)])
                    }
                    // The call that meets the end fails; the next one has a new session.
                    var answered = false
                    while !answered {
                        do {
                            let now = try await pool.execute(sql("SELECT pg_backend_pid()")).only()
                            answered = try now.int32(0) != pid
                        } catch let error as PostgresError {
                            #expect(error.code == .connectionLost)
                        }
                    }
                }
            }
        }
    }

    @Test func `where no server is, callers are told after the pool's patience`() async throws {
        var limits = limits(1)
        limits.patience = .zero
        try await withPool(
            PostgresConfiguration(socketDirectory: "/nowhere", user: "a", database: "b"), limits
        ) { pool in
            let error = await postgresError { _ = try await pool.execute(sql("SELECT 1")) }
            #expect(error?.code == .cannotConnect)
            #expect(pool.trouble?.code == .cannotConnect)
        }
    }

    @Test func `a caller that waits can be cancelled`() async throws {
        try await withPool(
            PostgresConfiguration(socketDirectory: "/nowhere", user: "a", database: "b"), limits(1)
        ) { pool in
            let task = Task { try await pool.execute(sql("SELECT 1")) }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
        }
    }

    @Test func `more than may wait are refused`() async throws {
        let pool = PostgresPool(
            PostgresConfiguration(socketDirectory: "/nowhere", user: "a", database: "b"),
            limits(1, maxWaiting: 0), loops: TestLoops.group, logger: .silent)
        let error = await postgresError { _ = try await pool.execute(sql("SELECT 1")) }
        #expect(error?.code == .overloaded)
    }
}
