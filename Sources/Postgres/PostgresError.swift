/// Why a database call failed.
public struct PostgresError: Error, Sendable, Equatable {
    /// What the caller can do about it.
    public enum Code: Sendable {
        /// The connection ended while the call was under way: whether it took effect is unknown.
        case connectionLost
        /// The server could not be reached.
        case cannotConnect
        /// The server does not let this user in.
        case authenticationFailed
        /// The server refused the statement: a constraint, a wrong type, a right that is missing.
        case rejected
        /// Two transactions were in each other's way; running it again may help.
        case conflict
        /// Someone cancelled the statement on the server.
        case cancelled
        /// The statement took longer than it may, or waited too long for a lock.
        case timedOut
        /// The server's disk is full.
        case diskFull
        /// The server is out of memory or of another resource.
        case outOfMemory
        case tooManyConnections
        /// The server could not read or write its files, or panicked and recovers now: a failed
        /// fsync looks like this. Whether the call took effect is unknown.
        case crashed
        /// The server is starting up or shutting down.
        case shuttingDown
        /// The server takes no writes: it is a standby or was told so.
        case readOnly
        /// What came back is not what the caller asked for: a missing column, another type, a null.
        case schemaMismatch
        /// More calls wait for a connection than may.
        case overloaded
        /// The private server cannot start or go on; the message says what to do.
        case localServer
    }

    /// What the caller can do about it.
    public let code: Code
    /// Five-character SQLSTATE; nil when the server never answered.
    public let sqlState: String?
    /// The constraint that was violated.
    public let constraint: String?
    /// Safe to log: holds no SQL text and no parameter value.
    public let message: String

    public init(
        _ code: Code, _ message: String, sqlState: String? = nil, constraint: String? = nil
    ) {
        self.code = code
        self.sqlState = sqlState
        self.constraint = constraint
        self.message = message
    }

    /// Whether the same call may succeed a little later. What it did the first time may be unknown:
    /// only a call that can be made twice should be.
    public var retryable: Bool {
        switch code {
        case .connectionLost, .cannotConnect, .conflict, .timedOut, .diskFull, .outOfMemory,
            .tooManyConnections, .crashed, .shuttingDown, .readOnly, .overloaded:
            true
        case .authenticationFailed, .rejected, .cancelled, .schemaMismatch, .localServer:
            false
        }
    }

    /// Whether the store as a whole is away, rather than this call refused.
    public var storeIsAway: Bool {
        switch code {
        case .connectionLost, .cannotConnect, .authenticationFailed, .diskFull, .outOfMemory,
            .tooManyConnections, .crashed, .shuttingDown, .readOnly, .overloaded, .localServer:
            true
        case .rejected, .conflict, .cancelled, .timedOut, .schemaMismatch:
            false
        }
    }
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        guard let sqlState else { return "\(code): \(message)" }
        return "\(code): \(message) (SQLSTATE \(sqlState))"
    }
}
