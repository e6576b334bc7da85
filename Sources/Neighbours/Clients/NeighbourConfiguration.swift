public import GRPC
public import IO

/// Where a neighbour is, and how patient Apus is with it.
public struct NeighbourConfiguration: Sendable {
    public var target: ClientTarget
    /// Nil: plaintext.
    public var tls: TLSContext?
    /// The name that its certificate must be for; nil: the target's host.
    public var serverName: String?
    /// Of every call; longer ones end with DEADLINE_EXCEEDED.
    public var deadline: Duration
    /// For a connection to come up.
    public var connectTimeout: Duration = .seconds(5)
    /// Told to the neighbour with every call, as `client-version`.
    public var clientVersion: String

    public init(
        target: ClientTarget, tls: TLSContext? = nil, serverName: String? = nil,
        deadline: Duration = .seconds(5), clientVersion: String
    ) {
        self.target = target
        self.tls = tls
        self.serverName = serverName
        self.deadline = deadline
        self.clientVersion = clientVersion
    }

    /// A connection that is asked every 30 s whether its server is still there, and dead after 5 s
    /// without an answer. Nothing is tried again down here but what no server's code has seen: when
    /// a call fails, its handler's policy says what follows.
    func channel(_ interceptors: [any RPCInterceptor]) -> ClientConfiguration {
        var channel = ClientConfiguration()
        channel.interceptors = interceptors
        channel.tls = tls
        channel.serverName = serverName
        var keepAlive = ClientConfiguration.KeepAlive()
        keepAlive.interval = .seconds(30)
        keepAlive.timeout = .seconds(5)
        channel.keepAlive = keepAlive
        // A neighbour that is back is found within seconds.
        channel.maxBackOff = .seconds(3)
        channel.connectTimeout = connectTimeout
        channel.clientName = "apus"
        channel.clientVersion = clientVersion
        return channel
    }
}
