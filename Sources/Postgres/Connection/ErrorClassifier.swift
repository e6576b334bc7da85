/// An error as the server reports it.
struct ServerFailure {
    /// ERROR, FATAL or PANIC.
    var severity: String
    var sqlState: String?
    /// May quote values.
    var primary: String
    var constraint: String?
    var table: String?
    var column: String?
    /// Where in the SQL text, from 1.
    var position: String?

    /// The session, or the whole server, ends with it.
    var endsSession: Bool { severity == "FATAL" || severity == "PANIC" }
}

/// What a server's words mean for the caller. Keeps texts that may quote values to itself.
enum ErrorClassifier {
    static func error(_ failure: ServerFailure) -> PostgresError {
        let state = failure.sqlState ?? "XX000"
        var code = code(sqlState: state)
        if failure.severity == "PANIC" { code = .crashed }
        // The server names both by one code.
        if state == "57014" && failure.primary.contains("user request") { code = .cancelled }
        // A session that was ended leaves open what its statement did.
        if failure.severity == "FATAL" && code != .crashed { code = .connectionLost }
        return PostgresError(
            code, message(state, failure), sqlState: state, constraint: failure.constraint)
    }

    static func code(sqlState state: String) -> PostgresError.Code {
        switch state {
        case "57014", "55P03", "25P03", "57P05": .timedOut
        case "57P01", "57P03": .shuttingDown
        case "57P02", "58030", "58P01", "58P02", "XX001", "XX002": .crashed
        case "53100": .diskFull
        case "53300": .tooManyConnections
        case "25006": .readOnly
        case "40001", "40P01": .conflict
        default:
            switch state.prefix(2) {
            case "08": .connectionLost
            case "28": .authenticationFailed
            case "53": .outOfMemory
            default: .rejected
            }
        }
    }

    private static let conditions: [String: String] = [
        "22001": "a text is too long", "22003": "a number is out of range",
        "22008": "a time is out of range", "22021": "a text holds a NUL or is not UTF-8",
        "22P02": "a value has a malformed text", "22P03": "a value has a malformed binary form",
        "22P05": "a JSON text holds a NUL", "23502": "a required column is null",
        "23503": "a foreign key is violated", "23505": "a value must be unique and is not",
        "23514": "a check is violated", "25006": "the server takes no writes",
        "25P02": "the transaction failed before", "25P03": "the transaction was idle too long",
        "26000": "the prepared statement is gone", "3D000": "the database does not exist",
        "40001": "transactions were in each other's way", "40P01": "a deadlock was broken",
        "53100": "the server's disk is full", "53200": "the server is out of memory",
        "53300": "the server has too many connections", "55P03": "a lock was not free in time",
        "57014": "the statement took too long", "57P01": "the server ended the session",
        "57P02": "the server recovers from a crash", "57P03": "the server is not ready yet",
        "58030": "the server cannot read or write its files",
    ]

    private static func message(_ state: String, _ failure: ServerFailure) -> String {
        var text = conditions[state] ?? "the server refused it"
        // Errors in our own SQL name nothing but its identifiers. Not so a syntax error.
        if state == "42601" {
            text = "syntax error"
        } else if state.hasPrefix("42") {
            text = failure.primary
        }
        if let constraint = failure.constraint { text += ", constraint \(constraint)" }
        if let table = failure.table { text += ", table \(table)" }
        if let column = failure.column { text += ", column \(column)" }
        if state.hasPrefix("42"), let position = failure.position {
            text += ", at character \(position)"
        }
        return text
    }

    /// libpq gives no SQLSTATE for a failed start: the words must do. The server's language for
    /// them is not ours to choose before the session, so what is not known is `.cannotConnect`.
    static func connectError(_ words: String) -> PostgresError {
        let line = words.split(separator: "\n").joined(separator: " ")
        let code: PostgresError.Code =
            if line.contains("starting up") || line.contains("shutting down")
                || line.contains("in recovery mode") || line.contains("not yet accepting")
            {
                .shuttingDown
            } else if line.contains("too many clients") || line.contains("too many connections")
                || line.contains("connection slots are reserved")
            {
                .tooManyConnections
            } else if line.contains("No space left") {
                .diskFull
            } else if line.contains("authentication") || line.contains("pg_hba.conf")
                || (line.contains("role") && line.contains("does not exist"))
                || line.contains("no password supplied")
            {
                .authenticationFailed
            } else {
                .cannotConnect
            }
        return PostgresError(code, line)
    }
}
