import Postgres
import TestSupport
import Testing

@Suite struct ScriptTests {
    @Test func `a script is all or nothing, and the connection goes on`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.script("CREATE TABLE t (n int); SELECT 1/0;")
            }
            #expect(error?.sqlState == "22012")
            let rows = try await connection.execute(sql("SELECT to_regclass('t') IS NULL"))
            #expect(try rows.only().bool(0))
        }
    }

    @Test func `scripts and statements take turns`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await connection.script(
                            "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
                    }
                    group.addTask {
                        _ = try await connection.execute(sql("INSERT INTO t VALUES (3)"))
                    }
                }
                try await group.waitForAll()
            }
            #expect(
                try await connection.execute(sql("SELECT sum(n) FROM t")).only().int64(0) == 120)
        }
    }

    @Test func `a script in a transaction is part of it`() async throws {
        try await withConnection { connection in
            try await connection.transaction { transaction in
                try await transaction.script("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
                let rows = try await transaction.execute(sql("SELECT n FROM t"))
                #expect(rows.count == 1)
            }
            _ = try? await connection.transaction { transaction in
                try await transaction.script("INSERT INTO t VALUES (2)")
                throw CancellationError()
            }
            #expect(
                try await connection.execute(sql("SELECT count(*) FROM t")).only().int64(0) == 1)
        }
    }

    @Test func `a script that leaves a transaction open is undone`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.script("BEGIN; CREATE TABLE t (n int)")
            }
            #expect(error?.code == .rejected)
            let rows = try await connection.execute(sql("SELECT to_regclass('t') IS NULL"))
            #expect(try rows.only().bool(0))
        }
    }

    @Test func `a cancelled script ends on the server before others go on`() async throws {
        try await withConnection { connection in
            try await withConnection(to: connection.configuration) { other in
                _ = try await other.execute(sql("SELECT pg_advisory_lock(1)"))
                let task = Task {
                    try await connection.script(
                        "SELECT pg_advisory_lock(1); CREATE TABLE t (n int)")
                }
                try await other.untilActive(await connection.backendPID)
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                _ = try await other.execute(sql("SELECT pg_advisory_unlock(1)"))
            }
            let rows = try await connection.execute(sql("SELECT to_regclass('t') IS NOT NULL"))
            #expect(try rows.only().bool(0))
        }
    }
}
