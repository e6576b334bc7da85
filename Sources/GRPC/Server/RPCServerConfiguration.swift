public import HTTP2

/// What a server allows, and what it tells before it stops.
public struct RPCServerConfiguration: Sendable {
    /// Largest message of a request: 4 MiB, and room for its envelope.
    public var maxMessageBytes = 4 * 1_024 * 1_024 + 64 * 1_024
    /// Bytes of responses that one call may have queued before `send` waits.
    public var maxUnsentBytes = 64 * 1_024
    /// Connections over all loops; further ones are closed at once.
    public var maxConnections = 20_000
    /// What is served besides gRPC and `/healthz`.
    public var plainResources: [PlainResource] = []
    /// How long a client may take for its TLS handshake.
    public var handshakeTimeout: Duration = .seconds(10)
    public var http2 = HTTP2Configuration()

    public init() {}
}
