internal import Glibc

/// Where Postgres' programs are.
struct ServerBinaries: Sendable {
    static let major = 15

    let postgres: String
    let initdb: String

    /// Looks where Debian puts them, then in PATH.
    ///
    /// - Throws: ``PostgresError`` `.localServer`.
    static func find() async throws -> ServerBinaries {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        let folders =
            ["/usr/lib/postgresql/\(major)/bin"] + path.split(separator: ":").map(String.init)
        for folder in folders {
            let binaries = ServerBinaries(
                postgres: folder + "/postgres", initdb: folder + "/initdb")
            guard unsafe access(binaries.postgres, X_OK) == 0 && access(binaries.initdb, X_OK) == 0
            else { continue }
            if try await binaries.version() == major { return binaries }
        }
        throw PostgresError(
            .localServer,
            "no Postgres \(major) server is installed: apt-get install postgresql-\(major), or name a"
                + " database with --database")
    }

    /// `postgres (PostgreSQL) 15.4 (Debian 15.4-1)` → 15.
    private func version() async throws -> Int? {
        let output = try await ChildProcess.run(Command([postgres, "--version"]))
        guard let words = output.text.split(separator: ")").dropFirst().first else { return nil }
        return Int(words.drop { $0 == " " }.prefix { $0.isNumber })
    }
}
