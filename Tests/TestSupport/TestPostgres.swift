import Glibc
public import Postgres
import Telemetry

/// A database that others are copied from: the migrations of a module, say.
public struct DatabaseTemplate: Sendable {
    /// Lower-case letters and `_`.
    public let name: String
    /// Runs once in a test process, on an empty database. It closes its connections.
    public let prepare: @Sendable (PostgresConfiguration) async throws -> Void

    public init(
        name: String, prepare: @escaping @Sendable (PostgresConfiguration) async throws -> Void
    ) {
        self.name = name
        self.prepare = prepare
    }
}

/// One private server for a test process, which dies with it, and a database for each test.
///
/// It does not flush: tests of durability start their own with ``LocalPostgres``.
public actor TestPostgres {
    public static let shared = TestPostgres()

    private var server: Task<LocalPostgres, any Error>?
    private var templates: [String: Task<Void, any Error>] = [:]
    private var made = 0

    /// Gives `body` a database that nobody else uses, empty or a copy of the template.
    public static func withDatabase<Result: Sendable>(
        _ template: DatabaseTemplate? = nil,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PostgresConfiguration) async throws -> Result
    ) async throws -> Result {
        // Who has a place already would wait for itself.
        guard !hasPlace else { return try await withNewDatabase(template, body) }
        await shared.takePlace()
        do {
            let result = try await $hasPlace.withValue(true) {
                try await withNewDatabase(template, body)
            }
            await shared.leavePlace()
            return result
        } catch {
            await shared.leavePlace()
            throw error
        }
    }

    private static func withNewDatabase<Result: Sendable>(
        _ template: DatabaseTemplate?, isolation: isolated (any Actor)? = #isolation,
        _ body: (PostgresConfiguration) async throws -> Result
    ) async throws -> Result {
        let (configuration, name) = try await shared.makeDatabase(template)
        do {
            let result = try await body(configuration)
            try await shared.drop(name)
            return result
        } catch {
            try? await shared.drop(name)
            throw error
        }
    }

    /// All tests of a process run at once; so many of them have a database at one time. With more,
    /// a small machine would not open their sessions before these give up.
    private static let places = 16
    @TaskLocal private static var hasPlace = false
    private var taken = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private func takePlace() async {
        if taken < Self.places {
            taken += 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func leavePlace() {
        if waiting.isEmpty { taken -= 1 } else { waiting.removeFirst().resume() }
    }

    /// The server's own configuration, for its database `postgres`.
    public static var maintenance: PostgresConfiguration {
        get async throws { database("postgres", of: try await shared.start()) }
    }

    private func makeDatabase(
        _ template: DatabaseTemplate?
    ) async throws -> (PostgresConfiguration, String) {
        let server = try await start()
        made += 1
        let name = "test_\(made)"
        if let template {
            try await prepare(template, on: server)
            try await maintain("CREATE DATABASE \(name) TEMPLATE \(template.name)")
        } else {
            try await maintain("CREATE DATABASE \(name)")
        }
        return (Self.database(name, of: server), name)
    }

    private func prepare(_ template: DatabaseTemplate, on server: LocalPostgres) async throws {
        if templates[template.name] == nil {
            templates[template.name] = Task {
                try await maintain("CREATE DATABASE \(template.name)")
                try await template.prepare(Self.database(template.name, of: server))
            }
        }
        try await templates[template.name]?.value
    }

    private func drop(_ name: String) async throws {
        try await maintain("DROP DATABASE \(name) WITH (FORCE)")
    }

    private func maintain(_ sql: String) async throws {
        try await Self.script(sql, on: Self.database("postgres", of: try await start()))
    }

    /// A busy machine may take long to open a session.
    private static func database(_ name: String, of server: LocalPostgres) -> PostgresConfiguration
    {
        var database = server.configuration.database(name)
        database.connectTimeout = .seconds(600)
        return database
    }

    /// Runs SQL on a connection of its own, as long as it takes.
    public static func script(_ sql: String, on database: PostgresConfiguration) async throws {
        var database = database
        database.statementTimeout = nil
        let connection = try await PostgresConnection.connect(
            database, on: TestLoops.next, logger: .silent)
        do {
            try await connection.script(sql)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    private func start() async throws -> LocalPostgres {
        if let server { return try await server.value }
        let starting = Task {
            let directory = TemporaryDirectory.make()
            try await Self.removeAfterUs(directory)
            var options = LocalPostgres.Options(dataDirectory: directory + "/data")
            options.isDurable = false
            options.maxConnections = 1_000
            options.settings = ["shared_buffers=64MB", "max_wal_size=1GB"]
            return try await LocalPostgres.start(options, logger: .silent)
        }
        server = starting
        return try await starting.value
    }

    /// What servers said of their ends outlives them here, with the time and the directory of each: why a
    /// run found "the server closed the connection" is asked when all else is gone.
    private static let lastWords = "/tmp/apus-test-postgres-ends.log"

    /// Nobody tells us when a test process ends: a shell finds out, for its input ends then.
    private static func removeAfterUs(_ directory: String) async throws {
        let script = """
            read nothing
            tries=0
            while [ -e "$1/data/postgres/postmaster.pid" ] && [ $tries -lt 200 ]; do
                sleep 0.1
                tries=$((tries + 1))
            done
            words=$(grep -ahE 'PANIC|terminated by signal|lock file is invalid|shutdown|out of' \\
                "$1/data/postgres.log.1" "$1/data/postgres.log" 2>/dev/null | tail -n 40)
            # Then somebody else closed our other end.
            kill -0 "$3" 2>/dev/null && words="$words\n(process $3 is alive)"
            printf '%s %s\\n%s\\n' "$(date -u +%FT%TZ)" "$1" "$words" >> "$2"
            rm -rf -- "$1"
            """
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "no pipe")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var command = Command([
            "/bin/sh", "-c", script, "sh", directory, lastWords, "\(getpid())",
        ])
        command.input = ends[0]
        command.isDetached = true
        _ = try await ChildProcess.start(command)
        close(ends[0])
        // The other end stays open until we die.
    }
}
