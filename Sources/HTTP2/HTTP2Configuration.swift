/// Every limit of a session, each explicit: the library's own defaults let too much through.
public struct HTTP2Configuration: Sendable {
    /// Streams the peer may have open at once.
    public var maxConcurrentStreams = 1_000
    /// Received bytes of one stream that nobody has consumed yet.
    public var streamWindowBytes = 256 * 1_024
    /// Received bytes in flight on the connection.
    public var connectionWindowBytes = 4 * 1_024 * 1_024
    /// Received and not consumed, over all streams of the connection; above it the connection's
    /// window stays shut until some are.
    public var maxBufferedBytes = 16 * 1_024 * 1_024
    /// A header block, counted as RFC 9113 §6.5.2 does, while it arrives. One beyond it is marked
    /// too large; one far beyond it ends the connection.
    public var maxHeaderListBytes = 16 * 1_024
    public var maxHeaderFields = 128
    /// CONTINUATION frames after one HEADERS frame.
    public var maxContinuations = 8
    /// Streams the peer may reset at once, and how many more each second, before it is cut off.
    /// Those that we had ended don't count.
    public var streamResetBurst = 1_000
    public var streamResetsPerSecond = 100
    /// Frames a server's peer may send at once that carry nothing, and how many more each second:
    /// ``FrameMeter`` tells which.
    public var emptyFrameBurst = 1_000
    public var emptyFramesPerSecond = 100
    /// What the layer above may find wrong with a peer at once, and how much more each second, before
    /// the peer is cut off.
    public var strikeBurst = 5
    public var strikesPerSecond = 1
    /// A server's peer may ping so often, with calls and without, and any time after DATA or HEADERS
    /// of ours (gRFC A8); a tenth less passes as well.
    public var minPingInterval: Duration = .seconds(10)
    /// Pings that came too early before one more ends the connection.
    public var maxPingStrikes = 2
    /// SETTINGS and PING acknowledgements that wait because the peer doesn't read.
    public var maxWaitingAcknowledgements = 1_000
    /// A server's frames that wait because the peer doesn't read: refusals and resets above all,
    /// which the peer can cause for a few bytes each. Beyond it the connection is ended.
    public var maxWaitingFrames = 4_000
    /// Entries of one SETTINGS frame.
    public var maxSettingsEntries = 32

    // What a server does as time goes by; `ConnectionWatch` has the rules.

    /// From the connection's beginning, TLS included, to the peer's first SETTINGS.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long a peer may show no life before it is pinged; nil never pings.
    public var keepAliveInterval: Duration? = .seconds(60)
    /// How long its answer may take before it is cut off.
    public var keepAliveTimeout: Duration = .seconds(20)
    /// A connection without streams for so long, at most twice, is ended in good order.
    public var maxConnectionIdle: Duration?
    /// A connection of that age, a tenth more or less, is ended in good order: its clients connect
    /// anew, perhaps elsewhere.
    public var maxConnectionAge: Duration?
    /// What open streams get then to end.
    public var maxConnectionAgeGrace: Duration = .seconds(30)
    /// What has begun and is waited for, must move on between two looks, and this is their distance: a
    /// frame or header block must end; a request, and the answer of a call that can't hold back, must
    /// move ``minProgressBytes`` or end. What began between two looks has until the second after.
    public var progressInterval: Duration = .seconds(30)
    public var minProgressBytes = 32 * 1_024

    public init() {}

    /// How many times its limit a header list may be before the connection is ended.
    static let grosslyTooLarge = 4
}
