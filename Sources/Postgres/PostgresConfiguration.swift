internal import CLibpq

/// How to reach a database, and how its sessions behave.
public struct PostgresConfiguration: Sendable {
    /// libpq's keywords and values, as given. May hold a password: never logged.
    private var settings: [String: String]

    /// Shows in `pg_stat_activity`.
    public var applicationName = "apus"
    /// For each address of each host; the connection string's own is in seconds.
    public var connectTimeout: Duration = .seconds(5)
    /// Longest that one statement may take on the server; nil for ever.
    public var statementTimeout: Duration? = .seconds(30)
    /// Longest wait for one lock; nil as long as the statement may take.
    public var lockTimeout: Duration?
    /// Longest that a transaction may stay open with nothing to do; nil for ever.
    public var idleTransactionTimeout: Duration? = .seconds(60)
    /// Where a session and others want the processors at one time, it gets what they leave, about a
    /// tenth. Of a private server alone: of another one it is not known where its processes are.
    public var givesWay = false
    /// The server is this process' child.
    var isPrivate = false
    /// More settings of the session: names and values of `SET`.
    public var sessionSettings: [String: String] = [:]
    /// Statements on one connection that the server has not answered yet; more wait their turn.
    public var maxInFlight = 64
    /// Statements that may wait their turn on one connection; more are `.overloaded`.
    public var maxWaiting = 8_192

    /// - Parameter connectionString: `postgresql://user@host/database?…` or `host=… dbname=…`, as
    ///   psql takes it. What it leaves out comes from `PG…` variables and libpq's defaults.
    /// - Throws: ``PostgresError`` `.cannotConnect` when it is neither.
    public init(connectionString: String) throws(PostgresError) {
        settings = try ConnectionString.parse(connectionString)
        if let name = settings.removeValue(forKey: "application_name") { applicationName = name }
        if let limit = settings.removeValue(forKey: "connect_timeout").flatMap(Int.init), limit > 0
        {
            connectTimeout = .seconds(min(limit, 3_600))
        }
    }

    /// A server on this machine, reached through its socket: whatever `PG…` variables say of
    /// another one.
    public init(socketDirectory: String, user: String, database: String) {
        settings = [
            "host": socketDirectory, "port": "5432", "user": user, "dbname": database,
            "target_session_attrs": "any", "channel_binding": "disable",
        ]
    }

    /// The same server, another database.
    public func database(_ name: String) -> PostgresConfiguration {
        var copy = self
        copy.settings["dbname"] = name
        return copy
    }

    public var host: String? { settings["host"] ?? settings["hostaddr"] }
    public var port: String? { settings["port"] }
    public var user: String? { settings["user"] }
    public var databaseName: String? { settings["dbname"] }

    /// Where it is, without secrets: `apus@/var/lib/apus/socket/apus`.
    public var location: String {
        let port = port.map { ":\($0)" } ?? ""
        return "\(user ?? "")@\(host ?? "")\(port)/\(databaseName ?? "")"
    }

    /// Keywords and values for `PQconnectStartParams`.
    ///
    /// Session settings travel in the start packet: no round trip, and they stand above those of
    /// the role and the database.
    var libpqParameters: [(keyword: String, value: String)] {
        var all = settings
        all["application_name"] = applicationName
        all["client_encoding"] = "UTF8"
        // Looking for Kerberos credentials takes milliseconds and may block.
        if all["gssencmode"] == nil { all["gssencmode"] = "disable" }
        // A peer that vanished is noticed in about half a minute, not in hours.
        for (keyword, value) in [
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "4"),
            ("tcp_user_timeout", "30000"),
        ] where all[keyword] == nil { all[keyword] = value }
        let given = all["options"].map { $0 + " " } ?? ""
        all["options"] = given + sessionOptions
        return all.map { (keyword: $0.key, value: $0.value) }
    }

    private var sessionOptions: String {
        var session = sessionSettings
        session["synchronous_commit"] = "on"
        session["jit"] = session["jit"] ?? "off"
        session["TimeZone"] = "UTC"
        // A statement that waited for a lock goes by what is there then.
        session["default_transaction_isolation"] = "read committed"
        session["statement_timeout"] = Self.milliseconds(statementTimeout)
        session["lock_timeout"] = Self.milliseconds(lockTimeout)
        session["idle_in_transaction_session_timeout"] = Self.milliseconds(idleTransactionTimeout)
        return session.sorted { $0.key < $1.key }
            .map { "-c \($0.key)=\(Self.escaped($0.value))" }
            .joined(separator: " ")
    }

    private static func milliseconds(_ duration: Duration?) -> String {
        guard let (seconds, attoseconds) = duration?.components else { return "0" }
        return String(max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
    }

    private static func escaped(_ value: String) -> String {
        String(value.flatMap { $0 == " " || $0 == "\\" ? ["\\", $0] : [$0] })
    }
}

/// libpq's own parser of connection strings.
enum ConnectionString {
    static func parse(_ text: String) throws(PostgresError) -> [String: String] {
        // Its message may quote the string, password and all: it is not passed on.
        guard let options = unsafe PQconninfoParse(text, nil) else {
            throw PostgresError(.cannotConnect, "the connection string is malformed")
        }
        defer { unsafe PQconninfoFree(options) }
        var settings: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe settings[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        return settings
    }
}
