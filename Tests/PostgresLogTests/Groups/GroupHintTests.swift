import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct GroupHintTests {
    /// Two nodes' hints; `body` is given what the second one hears.
    private func listening(
        _ body: @escaping @Sendable (TestLog, GroupHints, AsyncStream<Void>) async throws -> Void
    ) async throws {
        try await TestLog.with { test in
            func hints() -> GroupHints {
                GroupHints(
                    test.database, pool: test.pool, loops: TestLoops.group, logger: .silent)
            }
            let one = hints()
            let other = hints()
            let heard = AsyncStream.makeStream(of: Void.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await one.run {} }
                group.addTask { try await other.run { heard.continuation.yield() } }
                group.addTask { try await body(test, one, heard.stream) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `what one node tells the others hear, each time`() async throws {
        try await listening { _, one, heard in
            var heard = heard.makeAsyncIterator()
            // It listens.
            await heard.next()
            for _ in 0..<3 {
                one.tell()
                await heard.next()
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `who lost the connection looks once it listens again`() async throws {
        try await listening { test, one, heard in
            var heard = heard.makeAsyncIterator()
            await heard.next()
            try await test.script(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                    + " where application_name = 'apus group hints'"
                    + " and datname = current_database()")
            await heard.next()
            one.tell()
            await heard.next()
        }
    }
}
