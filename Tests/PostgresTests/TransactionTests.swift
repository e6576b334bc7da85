import Postgres
import TestSupport
import Testing

@Suite struct TransactionTests {
    private struct Stop: Error {}

    private func count(_ connection: PostgresConnection) async throws -> Int64 {
        try await connection.execute(sql("SELECT count(*) FROM t")).only().int64(0)
    }

    @Test func `what the body did is committed when it returns`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            let answer = try await connection.transaction { transaction in
                _ = try await transaction.execute(sql("INSERT INTO t VALUES (1)"))
                let rows = try await transaction.execute(
                    sql("SELECT txid_current_if_assigned() IS NOT NULL"))
                return try rows.only().bool(0)
            }
            #expect(answer)
            #expect(try await count(connection) == 1)
        }
    }

    @Test func `what the body did is undone when it throws`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            await #expect(throws: Stop.self) {
                try await connection.transaction { transaction in
                    _ = try await transaction.execute(sql("INSERT INTO t VALUES (1)"))
                    throw Stop()
                }
            }
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `a body that swallows a failure is told that nothing was committed`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            let error = await postgresError {
                try await connection.transaction { transaction in
                    _ = try await transaction.execute(sql("INSERT INTO t VALUES (1)"))
                    _ = try? await transaction.execute(sql("SELECT 1/0"))
                }
            }
            #expect(error?.sqlState == "25P02")
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `others wait until the transaction is over`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            let other = try await connection.transaction { transaction in
                _ = try await transaction.execute(sql("INSERT INTO t VALUES (1)"))
                let other = Task { try await self.count(connection) }
                for _ in 0..<10 {
                    _ = try await transaction.execute(sql("INSERT INTO t VALUES (2)"))
                }
                return other
            }
            #expect(try await other.value == 11)
        }
    }

    @Test func `transactions on one connection follow each other`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int8); INSERT INTO t VALUES (0)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await connection.transaction { transaction in
                            let n = try await transaction.execute(sql("SELECT n FROM t")).only()
                                .int64(0)
                            _ = try await transaction.execute(
                                sql("UPDATE t SET n = $1"), [.int8(n + 1)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await connection.execute(sql("SELECT n FROM t")).only().int64(0) == 50)
        }
    }

    @Test func `a transaction without statements costs nothing and holds nobody up`() async throws {
        try await withConnection { connection in
            try await connection.transaction { _ in }
            let rows = try await connection.execute(sql("SELECT 1"))
            #expect(rows.count == 1)
        }
    }

    @Test func `a statement after the end is refused`() async throws {
        try await withConnection { connection in
            let transaction = try await connection.transaction { $0 }
            let error = await postgresError { _ = try await transaction.execute(sql("SELECT 1")) }
            #expect(error?.code == .rejected)
        }
    }

    @Test func `a cancelled transaction is rolled back and the connection goes on`() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TABLE t (n int)")
            try await withConnection(to: connection.configuration) { other in
                _ = try await other.execute(sql("SELECT pg_advisory_lock(1)"))
                let task = Task {
                    try await connection.transaction { transaction in
                        _ = try await transaction.execute(sql("INSERT INTO t VALUES (1)"))
                        _ = try await transaction.execute(sql("SELECT pg_advisory_lock(1)"))
                    }
                }
                try await other.untilActive(await connection.backendPID)
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                _ = try await other.execute(sql("SELECT pg_advisory_unlock(1)"))
            }
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `isolation is as asked`() async throws {
        try await withConnection { connection in
            for (isolation, name) in [
                (TransactionIsolation.readCommitted, "read committed"),
                (.repeatableRead, "repeatable read"), (.serializable, "serializable"),
            ] {
                let found = try await connection.transaction(isolation) { transaction in
                    try await transaction.execute(
                        sql("SELECT current_setting('transaction_isolation')")
                    ).only().string(0)
                }
                #expect(found == name)
            }
        }
    }
}
