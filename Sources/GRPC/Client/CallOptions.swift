public import HTTP2

/// What one call is made with.
public struct CallOptions: Sendable {
    public var metadata: Metadata
    /// Sent to the server as well, which gives up when we do.
    public var timeout: Duration?
    /// Wait through failed attempts to connect until the timeout, instead of failing with the first.
    public var waitForReady: Bool
    /// Of the requests. Servers that don't know it end the call with UNIMPLEMENTED. Responses come
    /// as the server likes.
    public var compression: CompressionAlgorithm

    public init(
        metadata: Metadata = Metadata(), timeout: Duration? = nil, waitForReady: Bool = false,
        compression: CompressionAlgorithm = .identity
    ) {
        self.metadata = metadata
        self.timeout = timeout
        self.waitForReady = waitForReady
        self.compression = compression
    }
}

/// What a channel allows, and how patient it is.
public struct ClientConfiguration: Sendable {
    /// Largest message of a response.
    public var maxMessageBytes = 4 * 1_024 * 1_024 + 64 * 1_024
    /// Bytes of requests that one call may have queued before `send` waits.
    public var maxUnsentBytes = 64 * 1_024
    public var connectTimeout = Duration.seconds(20)
    /// First wait after a failed connect; each next one is 1.6 times longer.
    public var firstBackOff = Duration.milliseconds(200)
    public var maxBackOff = Duration.seconds(20)
    /// Sent with every call.
    public var userAgent = "apus-grpc"
    /// Around every call, the first one outermost.
    public var interceptors: [any RPCInterceptor] = []
    public var http2 = HTTP2Configuration()

    public init() {}
}

/// Waits between attempts to connect: growing, and spread by a fifth, so that clients who lost one
/// server together don't come back together.
struct BackOff {
    private let first: Duration
    private let most: Duration
    private var attempt = 0

    init(first: Duration, most: Duration) {
        self.first = first
        self.most = most
    }

    /// - Parameter spread: In -1...1.
    mutating func next(spread: Double = Double.random(in: -1...1)) -> Duration {
        var wait = first
        for _ in 0..<attempt where wait < most { wait = wait * 16 / 10 }
        attempt = min(attempt + 1, 64)
        return min(wait, most) * (1 + spread / 5)
    }

    mutating func reset() {
        attempt = 0
    }
}
