import Glibc
import Postgres
import Telemetry
import TestSupport
import Testing

@Suite struct LocalPostgresTests {
    private func options(_ directory: String) -> LocalPostgres.Options {
        var options = LocalPostgres.Options(dataDirectory: directory)
        options.settings = ["shared_buffers=16MB"]
        return options
    }

    private func start(_ directory: String) async throws -> LocalPostgres {
        try await LocalPostgres.start(options(directory), logger: .silent)
    }

    private func problem(_ directory: String) async -> PostgresError? {
        await postgresError { await (try await start(directory)).stop() }
    }

    @Test func `it starts, keeps what it is told over a restart, and stops`() async throws {
        try await TemporaryDirectory.with { directory in
            let first = try await start(directory + "/data")
            try await withConnection(to: first.configuration) { connection in
                try await connection.script("CREATE TABLE t AS SELECT 7 AS n")
                for (name, value) in [
                    ("fsync", "on"), ("data_checksums", "on"), ("listen_addresses", ""),
                    ("server_encoding", "UTF8"), ("lc_collate", "C.UTF-8"),
                    ("full_page_writes", "on"),
                ] {
                    let rows = try await connection.execute(
                        sql("SELECT current_setting($1)"), [.text(name)])
                    #expect(try rows.only().string(0) == value)
                }
            }
            await first.stop()
            #expect(first.process?.exit == .exited(0))

            let second = try await start(directory + "/data")
            let n = try await withConnection(to: second.configuration) { connection in
                try await connection.execute(sql("SELECT n FROM t")).only().int32(0)
            }
            #expect(n == 7)
            await second.stop()
        }
    }

    @Test func `one directory serves one process, and the message names it`() async throws {
        try await TemporaryDirectory.with { directory in
            let server = try await start(directory + "/data")
            let error = await problem(directory + "/data")
            #expect(error?.code == .localServer)
            #expect(error?.message.contains("process \(getpid())") == true)

            // The socket's directory is nobody else's, and psql gets in through it.
            let outcome = try await TestProcess.run([
                "/usr/bin/psql", "-h", server.socketDirectory, "-U", "apus", "-Atc",
                "SELECT current_user", "apus",
            ])
            #expect(outcome.text == "apus\n")
            var status = stat()
            #expect(stat(server.socketDirectory, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
            await server.stop()
        }
    }

    @Test func `a killed server is started anew and has what was committed`() async throws {
        try await TemporaryDirectory.with { directory in
            let server = try await start(directory + "/data")
            let running = Task { try await server.run() }
            try await withConnection(to: server.configuration) { connection in
                try await connection.script("CREATE TABLE t AS SELECT 7 AS n")
            }
            let first = try #require(server.process)
            first.signal(SIGKILL)
            #expect(await first.waitForExit() == .signalled(SIGKILL))
            var limits = PostgresPool.Limits(size: 1)
            limits.patience = .seconds(60)
            let n = try await withPool(server.configuration, limits) { pool in
                try await pool.execute(sql("SELECT n FROM t")).only().int32(0)
            }
            #expect(n == 7)
            await server.stop()
            try await running.value
        }
    }

    @Test func `a server that was left behind is ended`() async throws {
        try await TemporaryDirectory.with { directory in
            let data = directory + "/data"
            await (try await start(data)).stop()
            // As a process that was killed before its children could be told would leave it.
            var words = [
                "/usr/lib/postgresql/15/bin/postgres", "-D", data + "/postgres",
                "-c", "listen_addresses=", "-c", "unix_socket_directories=\(data)/socket",
            ]
            if geteuid() == 0 {
                words =
                    [
                        "/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres",
                        "--init-groups", "--",
                    ] + words
            }
            let stray = try await TestProcess.start(words)
            while access(data + "/postgres/postmaster.pid", F_OK) != 0, stray.isRunning {
                await Task.yield()
            }
            let server = try await start(data)
            #expect(await stray.waitForExit() != nil)
            #expect(server.process?.pid != stray.pid)
            await server.stop()
        }
    }

    @Test func `a cluster of another major version is refused`() async throws {
        try await TemporaryDirectory.with { directory in
            mkdir(directory + "/data", 0o755)
            mkdir(directory + "/data/postgres", 0o755)
            let file = fopen(directory + "/data/postgres/PG_VERSION", "w")
            fputs("14\n", file)
            fclose(file)
            if geteuid() == 0, let user = getpwnam("postgres") {
                chown(directory + "/data", user.pointee.pw_uid, user.pointee.pw_gid)
            }
            let error = await problem(directory + "/data")
            #expect(error?.code == .localServer)
            #expect(error?.message.contains("made by Postgres 14") == true)
            #expect(error?.message.contains("pg_upgrade") == true)
        }
    }

    @Test func `a path too long for a socket is refused before anything is started`() async throws {
        try await TemporaryDirectory.with { directory in
            let error = await problem(directory + "/" + String(repeating: "x", count: 90))
            #expect(error?.code == .localServer)
            #expect(error?.message.contains("107") == true)
        }
    }

    @Test func `a directory that its user cannot enter is refused with the way out`() async throws {
        try await TemporaryDirectory.with { directory in
            mkdir(directory + "/closed", 0o700)
            mkdir(directory + "/closed/data", 0o755)
            if geteuid() != 0 { chmod(directory + "/closed/data", 0o500) }
            let error = await problem(directory + "/closed/data")
            #expect(error?.code == .localServer)
            #expect(error?.message.contains("cannot use") == true)
            #expect(error?.message.contains("chmod") == true)
        }
    }

    @Test func `a relative path is refused`() async {
        #expect(await problem("data")?.code == .localServer)
    }
}
