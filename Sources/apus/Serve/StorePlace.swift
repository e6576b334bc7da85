import Glibc
import Postgres

/// Where the log is, as `--database` or `--data-dir` says.
struct StorePlace: Sendable {
    /// Nil: a private one, which may have to be started.
    let database: PostgresConfiguration?
    let dataDirectory: String

    init(database: PostgresConfiguration?, dataDirectory: String) {
        self.database = database
        self.dataDirectory = dataDirectory
    }

    /// - Throws: ``UsageError`` when both are named. A variable counts for nothing beside the other's flag on
    ///   the command line, or a copy would be meant and the variable's database changed.
    init(_ arguments: ParsedArguments) throws(UsageError) {
        func text(_ flag: String, unlessGiven other: String) -> String? {
            let isOverruled = arguments.isGiven(other) && !arguments.isGiven(flag)
            return isOverruled ? nil : arguments.string(flag)
        }
        let uri = text("database", unlessGiven: "data-dir")
        let directory = text("data-dir", unlessGiven: "database")
        guard uri == nil || directory == nil else {
            throw UsageError("--data-dir belongs to the private Postgres, so not to --database")
        }
        do throws(PostgresError) {
            database = try uri.map { uri throws(PostgresError) in
                try PostgresConfiguration(connectionString: uri)
            }
        } catch {
            throw UsageError("--database: \(error.message)")
        }
        dataDirectory = directory ?? Self.defaultDataDirectory
    }

    /// `/var/lib/apus` for root, whose Postgres runs as another user that cannot enter /root.
    static var defaultDataDirectory: String {
        if geteuid() == 0 { return "/var/lib/apus" }
        if let state = getenv("XDG_STATE_HOME"), state.pointee != 0 {
            return String(cString: state) + "/apus"
        }
        return (getenv("HOME").map { String(cString: $0) } ?? "") + "/.local/state/apus"
    }
}
