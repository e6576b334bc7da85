internal import CLinux
internal import Glibc
public import Telemetry

/// A Postgres server of our own in a data directory, reachable through a socket in it alone.
///
/// It is ended when this process dies, however it dies. While it lives, `run` starts it anew when
/// it ends by itself.
public final class LocalPostgres: Sendable {
    public struct Options: Sendable {
        /// An absolute path; made when it is missing.
        public var dataDirectory: String
        /// Without it, the server does not flush: for tests only.
        public var isDurable = true
        public var maxConnections = 100
        /// `name=value`, on the server's command line.
        public var settings: [String] = []

        public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
    }

    private struct State {
        var child: ChildProcess?
        var isStopping = false
    }

    private let options: Options
    private let directory: DataDirectory
    private let lock: FileLock
    private let binaries: ServerBinaries
    private let logger: Logger
    private let state = Lock(State())

    /// Its database `apus`, as its superuser `apus`.
    public let configuration: PostgresConfiguration
    public var dataDirectory: String { directory.path }
    /// For `psql -h DIRECTORY -U apus apus`.
    public var socketDirectory: String { directory.socketDirectory }
    /// The server's process, for tests.
    package var process: ChildProcess? { state.withLock { $0.child } }

    private init(
        _ options: Options, _ directory: DataDirectory, _ lock: FileLock,
        _ binaries: ServerBinaries, _ logger: Logger
    ) {
        self.options = options
        self.directory = directory
        self.lock = lock
        self.binaries = binaries
        self.logger = logger
        var configuration = Self.configuration(of: directory)
        configuration.isPrivate = true
        self.configuration = configuration
    }

    /// Locks the directory, makes the cluster when there is none, ends a server that was left
    /// behind, and starts one.
    ///
    /// - Throws: ``PostgresError``: `.localServer` with a message that says what to do, `.diskFull`.
    public static func start(_ options: Options, logger: Logger) async throws -> LocalPostgres {
        let (directory, lock) = try await DataDirectory.prepare(options.dataDirectory)
        try directory.checkVersion()
        let binaries = try await ServerBinaries.find()
        let server = LocalPostgres(options, directory, lock, binaries, logger)
        try await server.endLeftBehind()
        if !directory.hasCluster {
            logger.info("Making a database cluster", [.dataDirectory: .string(directory.path)])
            try await directory.makeCluster(
                binaries, durable: options.isDurable, settings: ServerSettings.initial())
        }
        try directory.writeRules()
        try await server.launch()
        try await server.makeDatabase()
        return server
    }

    /// Starts the server anew whenever it ends by itself; returns when the task is cancelled or
    /// after `stop`.
    ///
    /// - Throws: ``PostgresError`` when it cannot be started again.
    public func run() async throws {
        while let child = process {
            guard let exit = await child.waitForExit() else { return }
            if state.withLock({ $0.isStopping }) { return }
            logger.error("The private Postgres server ended", [.exitStatus: .string("\(exit)")])
            try await launch()
        }
    }

    /// Ends the server, waits for it and unlocks the directory.
    public func stop() async {
        defer { lock.release() }
        let child = state.withLock { state in
            state.isStopping = true
            return state.child
        }
        guard let child else { return }
        // Fast: no waiting for sessions, but a checkpoint.
        child.signal(SIGINT)
        if await child.waitForExit(within: .seconds(60)) == nil {
            logger.warning("Postgres takes too long to stop; it will recover at its next start")
            child.signal(SIGQUIT)
            if await child.waitForExit(within: .seconds(10)) == nil { child.signal(SIGKILL) }
        }
    }

    /// Whether `start` would find a cluster there rather than make one.
    public static func hasCluster(in dataDirectory: String) -> Bool {
        DataDirectory(path: dataDirectory, owner: nil).hasCluster
    }

    /// The server that another process runs in a data directory; nil when there is none that we may
    /// see.
    public static func configuration(
        ofServerIn dataDirectory: String
    ) -> PostgresConfiguration? {
        guard let path = Files.real(dataDirectory) else { return nil }
        let directory = DataDirectory(path: path, owner: nil)
        guard directory.runningServer != nil else { return nil }
        return configuration(of: directory)
    }

    private static func configuration(of directory: DataDirectory) -> PostgresConfiguration {
        PostgresConfiguration(
            socketDirectory: directory.socketDirectory, user: "apus", database: "apus")
    }

    // MARK: Starting

    /// Starts the server and waits until it takes connections.
    private func launch() async throws {
        rotateLog()
        var delay = Duration.milliseconds(100)
        while true {
            let offset = Files.size(directory.log)
            let child = try await spawn()
            state.withLock { $0.child = child }
            if try await isReady(child) { return }
            let words = Files.read(directory.log, from: offset) ?? ""
            let again = Self.signsOfAnEarlierServer.contains { words.contains($0) }
            guard again && delay < .seconds(30) else { throw failure(child, words) }
            logger.notice("Waiting for an earlier server to go", [.delay: .init(delay)])
            try await Task.sleep(for: delay)
            delay *= 2
        }
    }

    /// The processes of a server that was killed have not all gone yet, or nobody has collected
    /// the first of them: it counts as alive until then.
    private static let signsOfAnEarlierServer = [
        "pre-existing shared memory block", #"lock file "postmaster.pid" already exists"#,
    ]

    private func spawn() async throws -> ChildProcess {
        let log = unsafe open(
            directory.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw Files.problem("cannot open", directory.log) }
        defer { close(log) }
        var command = directory.command(
            [binaries.postgres, "-D", directory.cluster]
                + ServerSettings.commandLine(options, directory).flatMap { ["-c", $0] })
        command.output = log
        command.isDetached = true
        return try await ChildProcess.start(command)
    }

    /// - Returns: false when the server has ended instead.
    private func isReady(_ child: ChildProcess) async throws -> Bool {
        let start = ContinuousClock.now
        var saidSo = false
        while child.exit == nil {
            if directory.status(of: child.pid) == "ready" { return true }
            if !saidSo, ContinuousClock.now - start > .seconds(10) {
                saidSo = true
                logger.notice("Postgres is still starting: it may be recovering")
            }
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                child.signal(SIGINT)
                _ = await child.waitForExit(within: .seconds(60))
                throw error
            }
        }
        return false
    }

    private func failure(_ child: ChildProcess, _ words: String) -> PostgresError {
        let lines = words.split(separator: "\n")
        let line = lines.last { $0.contains("FATAL") || $0.contains("PANIC") } ?? lines.last ?? ""
        let reason = line.split(separator: "] ", maxSplits: 1).last ?? line
        if words.contains("No space left on device") {
            return PostgresError(
                .diskFull, "the disk of \(directory.path) is full: Postgres cannot start")
        }
        return PostgresError(
            .localServer,
            "Postgres did not start in \(directory.path): \(reason) (see \(directory.log))")
    }

    private func makeDatabase() async throws {
        let loop = try ChildProcess.thread.get()
        let connection = try await PostgresConnection.connect(
            configuration.database("postgres"), on: loop, logger: logger)
        do {
            let found = try await connection.execute(
                Statement(
                    name: "find_database", sql: "SELECT 1 FROM pg_database WHERE datname = 'apus'"))
            if found.isEmpty { try await connection.script("CREATE DATABASE apus") }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// Ends the server of a process that was killed, if it has not gone yet.
    private func endLeftBehind() async throws {
        guard let pid = directory.runningServer else { return }
        logger.notice("Ending a server that was left behind", [.pid: .init(pid)])
        for (signal, limit) in [(SIGINT, 60), (SIGQUIT, 10), (SIGKILL, 5)] {
            guard kill(pid, signal) == 0 || errno == ESRCH else {
                throw PostgresError(
                    .localServer,
                    "another user's Postgres (process \(pid)) runs in \(directory.path): stop it")
            }
            let end = ContinuousClock.now + .seconds(limit)
            while ContinuousClock.now < end {
                if directory.runningServer != pid { return }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        throw PostgresError(
            .localServer, "the Postgres of process \(pid) in \(directory.path) does not end")
    }

    private func rotateLog() {
        if Files.size(directory.log) > 8 << 20 {
            try? Files.rename(directory.log, to: directory.log + ".1")
        }
    }
}
