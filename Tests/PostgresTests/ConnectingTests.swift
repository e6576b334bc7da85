import Postgres
import Telemetry
import TestSupport
import Testing

@Suite struct ConnectingTests {
    private func failure(_ configuration: PostgresConfiguration) async -> PostgresError? {
        await postgresError {
            let connection = try await PostgresConnection.connect(
                configuration, on: TestLoops.next, logger: .silent)
            await connection.close()
        }
    }

    @Test func `where no server is, nothing connects, and the reason is told`() async throws {
        let error = await failure(
            PostgresConfiguration(socketDirectory: "/nowhere", user: "a", database: "b"))
        #expect(error?.code == .cannotConnect)
        #expect(error?.message.contains("/nowhere") == true)
        #expect(error?.retryable == true)
    }

    @Test func `an unknown database is a failure to connect`() async throws {
        let error = await failure(try await TestPostgres.maintenance.database("nonesuch"))
        #expect(error?.code == .cannotConnect)
        #expect(error?.message.contains("nonesuch") == true)
    }

    @Test func `a user whom the server does not let in is told so`() async throws {
        var configuration = try await TestPostgres.maintenance
        let directory = try #require(configuration.host)
        configuration = PostgresConfiguration(
            socketDirectory: directory, user: "stranger", database: "postgres")
        let error = await failure(configuration)
        #expect(error?.code == .authenticationFailed)
        #expect(error?.retryable == false)
    }

    @Test func `a name without an address is a failure to connect`() async throws {
        let configuration = try PostgresConfiguration(
            connectionString: "postgresql://u@no-such-host.invalid/db")
        let error = await failure(configuration)
        #expect(error?.code == .cannotConnect)
        #expect(error?.message == "the name no-such-host.invalid has no address")
    }

    @Test func `a server that never answers is given up in time`() async throws {
        try await SilentServer.with { port in
            var configuration = try PostgresConfiguration(
                connectionString: "host=127.0.0.1 port=\(port) dbname=x user=y")
            configuration.connectTimeout = .milliseconds(20)
            let error = await failure(configuration)
            #expect(error?.code == .cannotConnect)
        }
    }

    @Test(arguments: ["any", "prefer-standby"])
    func `the next host is tried when one has no address`(wanted: String) async throws {
        let directory = try #require(try await TestPostgres.maintenance.host)
        let configuration = try PostgresConfiguration(
            connectionString: """
                host=no..name,\(directory) port=1,5432 dbname=postgres user=apus \
                target_session_attrs=\(wanted)
                """)
        try await withConnection(to: configuration) { connection in
            _ = try await connection.execute(sql("SELECT 1"))
        }
    }

    @Test func `the next host is tried when one stays silent`() async throws {
        let directory = try #require(try await TestPostgres.maintenance.host)
        try await SilentServer.with { port in
            var configuration = try PostgresConfiguration(
                connectionString: """
                    host=127.0.0.1,\(directory) port=\(port),5432 dbname=postgres user=apus
                    """)
            configuration.connectTimeout = .seconds(2)
            try await withConnection(to: configuration) { connection in
                _ = try await connection.execute(sql("SELECT 1"))
            }
        }
    }

    @Test func `what every host said is told`() async throws {
        try await SilentServer.with { port in
            var configuration = try PostgresConfiguration(
                connectionString: "host=127.0.0.1,/nowhere port=\(port) dbname=x user=y")
            configuration.connectTimeout = .milliseconds(20)
            let error = await failure(configuration)
            #expect(error?.message.contains("no answer within") == true)
            #expect(error?.message.contains("/nowhere") == true)
        }
    }

    @Test func `the connection string says how long to wait for a host`() throws {
        let configuration = try PostgresConfiguration(
            connectionString: "host=a,b connect_timeout=2")
        #expect(configuration.connectTimeout == .seconds(2))
    }

    @Test func `connecting can be cancelled`() async throws {
        try await SilentServer.with { port in
            let configuration = try PostgresConfiguration(
                connectionString: "host=127.0.0.1 port=\(port) dbname=x user=y")
            let task = Task {
                try await PostgresConnection.connect(
                    configuration, on: TestLoops.next, logger: .silent)
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
        }
    }

    @Test func `connection strings are read as psql reads them, and passwords never shown`() throws
    {
        let configuration = try PostgresConfiguration(
            connectionString:
                "postgresql://me:secret@db.example:5433/events?application_name=x&sslmode=require")
        #expect(configuration.host == "db.example")
        #expect(configuration.port == "5433")
        #expect(configuration.user == "me")
        #expect(configuration.databaseName == "events")
        #expect(configuration.applicationName == "x")
        #expect(configuration.location == "me@db.example:5433/events")
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(connectionString: "postgresql://me:secret@[bad")
        }
        #expect(error?.message.contains("secret") == false)
    }
}
