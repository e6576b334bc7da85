/// What one call is made with.
public struct CallOptions: Sendable {
    public var metadata: Metadata
    /// For all of the call: waiting for a connection, every attempt and the waits between them. Sent
    /// to the server as well, which gives up when we do.
    public var timeout: Duration?
    /// Wait through failed attempts to connect until the timeout, instead of failing with the first.
    public var waitForReady: Bool
    /// Of the requests. Servers that don't know it end the call with UNIMPLEMENTED. Responses come
    /// as the server likes.
    public var compression: CompressionAlgorithm
    /// Nil: the channel's for this method.
    public var retry: RetryPolicy?

    public init(
        metadata: Metadata = Metadata(), timeout: Duration? = nil, waitForReady: Bool = false,
        compression: CompressionAlgorithm = .identity, retry: RetryPolicy? = nil
    ) {
        self.metadata = metadata
        self.timeout = timeout
        self.waitForReady = waitForReady
        self.compression = compression
        self.retry = retry
    }
}
