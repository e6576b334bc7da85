/// Why the service refused or could not do what was asked: one code a gRPC status, with the
/// payloads of `google.rpc` error details.
public struct EventsError: Error, Sendable, Hashable {
    public enum Code: Sendable, Hashable, CaseIterable {
        case invalidArgument, unauthenticated, permissionDenied, notFound, alreadyExists
        case failedPrecondition, outOfRange, resourceExhausted, unavailable
        /// Our own fault.
        case broken
    }

    /// A payload that tells programs what people read in the message.
    public enum Detail: Sendable, Hashable {
        /// BadRequest.
        case fields([FieldViolation])
        /// ErrorInfo; the domain is always `apus.v1`.
        case info(reason: Reason, metadata: [String: String])
        /// ResourceInfo: `kind` is `event`, `group`, `replay`…
        case resource(kind: String, name: String)
        /// PreconditionFailure with one violation.
        case precondition(kind: String, subject: String, description: String)
        /// RetryInfo.
        case retry(after: Duration)
        /// QuotaFailure with one violation.
        case quota(subject: String, description: String)
    }

    /// The closed list of ErrorInfo reasons.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        case tenantDenied = "TENANT_DENIED"
        case tenantRequired = "TENANT_REQUIRED"
        case eventExpired = "EVENT_EXPIRED"
        case subjectMoved = "SUBJECT_MOVED"
        case positionExpired = "POSITION_EXPIRED"
        case positionBeyondHead = "POSITION_BEYOND_HEAD"
        case logDiverged = "LOG_DIVERGED"
        case overloaded = "OVERLOADED"
        case storeUnavailable = "STORE_UNAVAILABLE"
        case storeDiskFull = "STORE_DISK_FULL"
        case storeFsyncFailed = "STORE_FSYNC_FAILED"
        case storeReadOnly = "STORE_READ_ONLY"
        case outcomeUnknown = "OUTCOME_UNKNOWN"
        case draining = "DRAINING"
    }

    public let code: Code
    /// For people; never holds payloads, SQL or paths.
    public let message: String
    public let details: [Detail]

    public init(_ code: Code, _ message: String, details: [Detail] = []) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The reason of the first ErrorInfo, if there is one.
    public var reason: Reason? {
        for case .info(let reason, _) in details { return reason }
        return nil
    }
}

extension EventsError: CustomStringConvertible {
    /// The message, and the reason that programs go by.
    public var description: String { reason.map { "\(message) (\($0.rawValue))" } ?? message }
}
