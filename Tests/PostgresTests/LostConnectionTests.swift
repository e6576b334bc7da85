import Glibc
import Postgres
import Telemetry
import TestSupport
import Testing

@Suite struct LostConnectionTests {
    /// Returns once a statement sleeps on the server.
    private func sleeping(_ server: PostgresConfiguration) async {
        let look = sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        _ = await postgresError {
            try await withConnection(to: server) { connection in
                while try await connection.execute(look).isEmpty {}
            }
        }
    }

    @Test func `a server that dies under statements is a lost connection and no error of ours`()
        async throws
    {
        try await TemporaryDirectory.with { directory in
            var options = LocalPostgres.Options(dataDirectory: directory + "/data")
            options.settings = ["shared_buffers=16MB"]
            let server = try await LocalPostgres.start(options, logger: .silent)
            let sink = RecordingSink()
            let connection = try await PostgresConnection.connect(
                server.configuration, on: TestLoops.next,
                logger: Logger(label: "test", level: .debug, sink: sink))
            // 0 once it has ended, and then kill() would mean all processes of our group.
            let backend = await connection.backendPID
            try #require(backend > 0)
            let errors = await withTaskGroup(of: PostgresError?.self) { group in
                for statement in ["SELECT pg_sleep(600)", "SELECT 1", "SELECT 2"] {
                    group.addTask(executorPreference: connection.loop) {
                        await postgresError { _ = try await connection.execute(sql(statement)) }
                    }
                }
                await sleeping(server.configuration)
                kill(backend, SIGKILL)
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(errors.map { $0?.code } == [.connectionLost, .connectionLost, .connectionLost])
            await #expect(connection.isOpen == false)
            let loud = sink.records.filter { $0.level >= .warning }
            #expect(loud.isEmpty, "\(loud.map(\.message))")
            await server.stop()
        }
    }
}
