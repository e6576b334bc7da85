/// The name of a field in a log record.
///
/// The list is closed: each name is spelt once, here, so that a search for it finds all its uses.
public struct LogKey: Sendable, Hashable {
    public let name: String

    private init(_ name: String) { self.name = name }
}

// Any record.
extension LogKey {
    public static let error = LogKey("error")
    public static let errorCode = LogKey("error.code")
    /// Ties a client's INTERNAL status to our record of it.
    public static let errorReference = LogKey("error.reference")
    public static let reason = LogKey("reason")
    public static let count = LogKey("count")
    public static let bytes = LogKey("bytes")
    public static let duration = LogKey("duration")
    public static let delay = LogKey("delay")
    public static let attempt = LogKey("attempt")
    public static let limit = LogKey("limit")
    public static let state = LogKey("state")
    public static let name = LogKey("name")
}

// The process and its machine.
extension LogKey {
    public static let version = LogKey("process.version")
    public static let commit = LogKey("process.commit")
    public static let pid = LogKey("process.pid")
    public static let exitStatus = LogKey("process.exit_status")
    public static let signal = LogKey("process.signal")
    public static let node = LogKey("process.node")
    public static let path = LogKey("file.path")
    public static let openFiles = LogKey("file.open_limit")
    public static let errno = LogKey("os.errno")
}

// Connections and calls.
extension LogKey {
    public static let address = LogKey("net.address")
    public static let peer = LogKey("net.peer")
    public static let loop = LogKey("io.loop")
    public static let connection = LogKey("http2.connection")
    public static let stream = LogKey("http2.stream")
    public static let http2Error = LogKey("http2.error")
    public static let service = LogKey("grpc.service")
    public static let method = LogKey("grpc.method")
    public static let status = LogKey("grpc.status")
    public static let requestID = LogKey("request.id")
}

// The database.
extension LogKey {
    public static let sqlState = LogKey("db.sqlstate")
    public static let statement = LogKey("db.statement_name")
    public static let database = LogKey("db.name")
    public static let backendPID = LogKey("db.backend_pid")
    public static let serverVersion = LogKey("db.server_version")
    public static let channel = LogKey("db.channel")
    public static let migration = LogKey("db.migration")
    public static let rows = LogKey("db.rows")
    public static let dataDirectory = LogKey("db.data_directory")
}

// Events, and who consumes them.
extension LogKey {
    public static let position = LogKey("log.position")
    public static let head = LogKey("log.head")
    public static let earliest = LogKey("log.earliest")
    public static let epoch = LogKey("log.epoch")
    public static let partition = LogKey("log.partition")
    public static let eventID = LogKey("event.id")
    public static let eventType = LogKey("event.type")
    public static let eventVersion = LogKey("event.version")
    public static let events = LogKey("event.count")
    public static let tenant = LogKey("tenant.id")
    public static let subscription = LogKey("subscription.name")
    public static let consumer = LogKey("consumer.name")
    public static let handler = LogKey("handler.name")
    public static let group = LogKey("group.name")
    public static let delivery = LogKey("delivery.id")
    public static let outcome = LogKey("delivery.outcome")
    /// A message to people, which an operator wanted in the log.
    public static let notification = LogKey("notification.message")
    public static let lag = LogKey("consumer.lag")
    public static let lease = LogKey("lease.name")
    public static let fence = LogKey("lease.fence")
    public static let replay = LogKey("replay.id")
    public static let projection = LogKey("projection.name")
    public static let migrationVersion = LogKey("schema.version")
}
