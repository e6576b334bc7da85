public import HTTP2
public import IO

/// What a channel allows, how patient it is, and who it says it is.
public struct ClientConfiguration: Sendable {
    /// Which of a target's addresses get the calls.
    public enum LoadBalancing: Sendable {
        /// One connection to each address, calls in turn over those that are up.
        case roundRobin
        /// One connection, to the first address that answers. The next one is tried as well when
        /// the first has not answered for `attemptDelay` (RFC 8305, gRFC A61).
        case pickFirst
    }

    /// Asks an open connection whether its server is still there (gRFC A8).
    public struct KeepAlive: Sendable {
        /// Doubled for the channel when a server finds it too often.
        public var interval = Duration.seconds(30)
        /// A connection on which nothing comes for so long after a ping is dead.
        public var timeout = Duration.seconds(5)
        /// Also while no call is open. Servers of other makers may not like it.
        public var withoutCalls = false

        public init() {}
    }

    /// Largest message of a response.
    public var maxMessageBytes = 4 * 1_024 * 1_024 + 64 * 1_024
    /// Bytes of requests that one call may have queued before `send` waits.
    public var maxUnsentBytes = 64 * 1_024
    public var http2 = HTTP2Configuration()

    /// Around every call, the first one outermost. Attempts of one call are one call to them.
    public var interceptors: [any RPCInterceptor] = []
    /// Nil: plaintext.
    public var tls: TLSContext?
    /// The name that the server's certificate must be for; nil: the host of the authority.
    public var serverName: String?

    public var loadBalancing = LoadBalancing.roundRobin
    /// For looking up the target's names.
    public var resolutionTimeout = Duration.seconds(10)
    /// Least time between two look-ups that failing connections ask for.
    public var resolutionInterval = Duration.seconds(30)
    /// Until the server's first SETTINGS are here.
    public var connectTimeout = Duration.seconds(20)
    public var attemptDelay = Duration.milliseconds(250)
    /// First wait after a failed connect; each next one is 1.6 times longer.
    public var firstBackOff = Duration.milliseconds(200)
    public var maxBackOff = Duration.seconds(20)
    /// Nil: none.
    public var keepAlive: KeepAlive? = KeepAlive()
    /// A channel without a call for so long closes its connections; nil: never. The next call makes
    /// new ones.
    public var idleTimeout: Duration? = .seconds(30 * 60)
    /// Ask every server for the health of this service and send no calls where it isn't SERVING
    /// (gRFC A17); an empty name is the whole server's. Nil: don't ask.
    public var healthCheckedService: String?

    /// By ``RPCMethod/path``. Without one a call is made again only when no server's code has seen
    /// it.
    public var retryPolicies: [String: RetryPolicy] = [:]
    public var retryBudget = RetryBudget()
    /// Requests of one call that are kept, to be sent again; beyond it the call is not retried.
    public var maxReplayBytes = 4 * 1_024 * 1_024 + 64 * 1_024
    /// The same for all calls of the channel.
    public var maxChannelReplayBytes = 64 * 1_024 * 1_024

    /// Sent with every call, as `client-name` and `client-version`; empty: not sent.
    public var clientName = ""
    public var clientVersion = ""
    public var userAgent = "apus-grpc/0.1.0"
    /// Instead of the target's own.
    public var authority: String?

    public init() {}
}
