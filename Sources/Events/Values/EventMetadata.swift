/// Where an event came from. An empty string means that nothing is known.
public struct EventMetadata: Sendable, Hashable {
    public var correlationID: String
    public var causationID: String
    public var userID: String
    public var sessionID: String
    public var requestID: String
    public var channel: String
    public var userAgent: String
    public var ipAddress: String
    public var traceparent: String
    public var tracestate: String
    public var extra: [String: String]

    public init(
        correlationID: String = "", causationID: String = "", userID: String = "",
        sessionID: String = "", requestID: String = "", channel: String = "",
        userAgent: String = "", ipAddress: String = "", traceparent: String = "",
        tracestate: String = "", extra: [String: String] = [:]
    ) {
        self.correlationID = correlationID
        self.causationID = causationID
        self.userID = userID
        self.sessionID = sessionID
        self.requestID = requestID
        self.channel = channel
        self.userAgent = userAgent
        self.ipAddress = ipAddress
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.extra = extra
    }
}
