internal import Glibc

/// Where a private server keeps its things, and whom they belong to.
///
/// ```
/// DIRECTORY/apus.lock      held by the process that runs the server
/// DIRECTORY/postgres/      Postgres' own data directory
/// DIRECTORY/postgres.log   what the server says
/// DIRECTORY/socket/        its socket, the only way in
/// ```
struct DataDirectory: Sendable {
    let path: String
    /// The user the server runs as; nil for our own.
    let owner: Files.Owner?

    var cluster: String { path + "/postgres" }
    var log: String { path + "/postgres.log" }
    var socketDirectory: String { path + "/socket" }
    private var socket: String { socketDirectory + "/.s.PGSQL.5432" }
    var hostRules: String { path + "/pg_hba.conf" }
    var userMap: String { path + "/pg_ident.conf" }

    /// Longest path of a socket, in bytes, by the kernel's `sockaddr_un`.
    static let maxSocketPath = 107
    /// A new segment of WAL is filled and synced while every commit waits, until there are old ones to
    /// use again: Postgres' 16 MB take 20 ms, twice a second under load.
    private static let segmentMegabytes = 4

    /// Makes what is missing and checks what a server could not live with.
    ///
    /// - Throws: ``PostgresError`` `.localServer`, each with a message that says what to do.
    static func prepare(_ path: String) async throws -> (DataDirectory, FileLock) {
        guard path.hasPrefix("/") else {
            throw PostgresError(.localServer, "the data directory must be an absolute path")
        }
        let owner = try serverUser()
        try Files.makeDirectory(path, owner: owner)
        guard let real = Files.real(path) else {
            throw Files.problem("cannot enter", path)
        }
        let directory = DataDirectory(path: real, owner: owner)
        let length = directory.socket.utf8.count
        guard length <= maxSocketPath else {
            throw PostgresError(
                .localServer,
                "\(real) is too long: the socket in it would have a path of \(length) bytes, and"
                    + " \(maxSocketPath) is the most; choose a data directory at least"
                    + " \(length - maxSocketPath) bytes shorter")
        }
        try await directory.checkAccess()
        let lock = try FileLock(real + "/apus.lock", directory: real)
        try Files.makeDirectory(directory.socketDirectory, owner: owner)
        return (directory, lock)
    }

    /// Postgres refuses to run as root.
    private static func serverUser() throws(PostgresError) -> Files.Owner? {
        guard geteuid() == 0 else { return nil }
        guard let owner = Files.owner(named: "postgres") else {
            throw PostgresError(
                .localServer,
                "there is no user postgres to run the server as: install postgresql, or run apus as"
                    + " a user other than root")
        }
        return owner
    }

    /// The words that start a program as the server's user, to be ended when we die.
    func command(_ words: [String]) -> Command {
        var all = ["/usr/bin/setpriv", "--pdeathsig=INT"]
        if let owner { all += asUser(owner) }
        return Command(all + ["--"] + words)
    }

    private func asUser(_ owner: Files.Owner) -> [String] {
        ["--reuid=\(owner.user)", "--regid=\(owner.gid)", "--init-groups"]
    }

    /// Lets the server's user try, which takes every right of the file system into account.
    private func checkAccess() async throws {
        let outcome = try await ChildProcess.run(
            command(["/usr/bin/test", "-r", path, "-a", "-w", path, "-a", "-x", path]))
        guard outcome.exit == .exited(0) else {
            let user = owner?.user ?? Files.userName(geteuid())
            throw PostgresError(
                .localServer,
                "the user \(user), who runs the server, cannot use \(path): give that directory to"
                    + " it and let it pass through those above (chown, chmod o+x), or choose a data"
                    + " directory elsewhere, such as /var/lib/apus")
        }
    }

    // MARK: The cluster in it

    /// Whether it has been made; a half-made one is under another name.
    var hasCluster: Bool { Files.exists(cluster + "/PG_VERSION") }

    /// - Throws: ``PostgresError`` `.localServer` for a cluster of another major version.
    func checkVersion() throws(PostgresError) {
        guard let text = Files.read(cluster + "/PG_VERSION") else { return }
        let found = text.prefix { !$0.isWhitespace }
        guard found == "\(ServerBinaries.major)" else {
            throw PostgresError(
                .localServer,
                "\(path) was made by Postgres \(found), and this apus runs Postgres"
                    + " \(ServerBinaries.major): upgrade it with pg_upgrade, or dump it with the old"
                    + " server and load it into a new data directory")
        }
    }

    /// Makes the cluster beside its place, then moves it there: a crash leaves no half of one.
    func makeCluster(_ binaries: ServerBinaries, durable: Bool, settings: [String]) async throws {
        let draft = cluster + ".new"
        if Files.exists(draft) {
            _ = try await ChildProcess.run(Command(["/bin/rm", "-rf", "--", draft]))
        }
        var words = [
            binaries.initdb, "-D", draft, "-k", "--locale=C.UTF-8", "-E", "UTF8", "-U", "apus",
            "--auth=peer", "--no-instructions", "--wal-segsize=\(Self.segmentMegabytes)",
        ]
        if !durable { words.append("--no-sync") }
        let output = try await ChildProcess.run(command(words))
        guard output.exit == .exited(0) else {
            let full = output.text.contains("No space left")
            let last = output.text.split(separator: "\n").last { $0.contains("error") } ?? ""
            throw PostgresError(
                full ? .diskFull : .localServer, "initdb failed in \(path): \(last)")
        }
        let file = draft + "/postgresql.conf"
        let original = Files.read(file) ?? ""
        let ours = settings.joined(separator: "\n")
        try Files.write("\(original)\n# Apus\n\(ours)\n", to: file, owner: owner)
        try Files.rename(draft, to: cluster)
    }

    /// Lets the server's user, our own and root in as `apus`, through the socket alone.
    func writeRules() throws(PostgresError) {
        var users = ["root", Files.userName(geteuid())]
        if let owner { users.append(owner.user) }
        let map = Set(users).sorted().map { "apus \"\($0)\" apus\n" }.joined()
        try Files.write(map, to: userMap, owner: owner)
        try Files.write("local all all peer map=apus\n", to: hostRules, owner: owner)
    }

    // MARK: A server in it

    /// The postmaster that runs on the cluster, whoever started it.
    var runningServer: Int32? {
        guard let text = Files.read(cluster + "/postmaster.pid"),
            let line = text.split(separator: "\n").first, let pid = Int32(line), pid > 0,
            Files.link("/proc/\(pid)/cwd") == cluster
        else { return nil }
        return pid
    }

    /// What line 8 of `postmaster.pid` says of the server with that number: `starting`, `ready` …
    func status(of pid: Int32) -> String? {
        guard let text = Files.read(cluster + "/postmaster.pid") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 8, lines[0] == "\(pid)" else { return nil }
        return String(lines[7].prefix { $0 != " " })
    }
}
