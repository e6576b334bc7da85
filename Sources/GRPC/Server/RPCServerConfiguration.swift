public import HTTP2

/// What a server allows, and what it tells before it stops.
public struct RPCServerConfiguration: Sendable {
    /// Largest message of a request: 4 MiB, and room for its envelope.
    public var maxMessageBytes = 4 * 1_024 * 1_024 + 64 * 1_024
    /// Bytes of responses that one call may have queued before `send` waits.
    public var maxUnsentBytes = 64 * 1_024
    /// Responses queued on one connection, over all its calls. Beyond it calls that send wait until
    /// all that they sent before has left, and new calls get RESOURCE_EXHAUSTED.
    public var maxConnectionUnsentBytes = 4 * 1_024 * 1_024
    /// Connections over all loops; further ones are closed at once.
    public var maxConnections = 20_000
    /// Connections from one address; further ones are closed at once. Those from this machine,
    /// loopback and Unix sockets, count only when ``limitsLocalPeers`` is set: a proxy beside us
    /// brings everybody else's.
    public var maxConnectionsPerPeer = 2_000
    public var limitsLocalPeers = false
    /// Connections of one address that are cut off for what they did, at once and more each second:
    /// beyond it new ones from there are closed at once. Of this machine as above.
    public var cutOffBurst = 10
    public var cutOffsPerSecond = 1
    /// Handlers that run, from start to return, also those whose call is long gone. Beyond it a call
    /// gets RESOURCE_EXHAUSTED before anything is started for it.
    public var maxHandlers = 100_000
    public var maxHandlersPerConnection = 2_000
    /// Bytes held for peers in all: requests that arrive, wait for their handler or are with one, and
    /// responses that wait for their client. A connection may hold as much as is left of four fifths
    /// of this, so few that hold much leave room for those that hold little; the last fifth is
    /// theirs alone. Beyond its share new calls, and messages under way, get RESOURCE_EXHAUSTED.
    ///
    /// A process under attack takes two and a half times as much: itself, what is read and not an
    /// answer yet, freed blocks between those in use. With this it stays well under 150 MiB.
    public var maxMemoryBytes = 48 * 1_024 * 1_024
    /// When clients that were refused for want of room may try again.
    public var retryPushback: Duration = .seconds(1)
    /// What is served besides gRPC and `/healthz`.
    public var plainResources: [PlainResource] = []
    /// How long a client may take from its connection to its first SETTINGS, TLS included. Goes
    /// before the one in ``http2``.
    public var handshakeTimeout: Duration = .seconds(10)
    /// TLS handshakes under way on one loop, of some 60 KiB each. Beyond it the oldest is ended: who
    /// means well is done sooner than that.
    public var maxHandshakesPerLoop = 500
    /// How long a server that has closed all connections waits for handlers that ignore their
    /// cancellation.
    public var handlerPatience: Duration = .seconds(5)
    public var http2 = HTTP2Configuration()

    public init() {
        // What a crowd of connections can make us hold before any of them is held back.
        http2.connectionWindowBytes = 1_024 * 1_024
        http2.maxBufferedBytes = 4 * 1_024 * 1_024
    }
}
