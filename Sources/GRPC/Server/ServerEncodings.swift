import HTTP2

/// How one call's messages are compressed, and what its response's headers say of it.
struct ServerEncodings {
    private(set) var request = CompressionAlgorithm.identity
    private(set) var response = CompressionAlgorithm.identity
    private var accepted = AcceptedEncodings()
    /// The client compresses, or wanted to: it hears what it may use.
    private var tellsAccepted = false

    mutating func received(_ head: borrowing RequestHead) {
        request = head.encoding ?? .identity
        accepted = head.accepted
        tellsAccepted = head.encoding != .identity
    }

    /// In what the client takes; nothing changes when that is nothing.
    mutating func compressResponses() {
        response = accepted.best(preferring: request)
    }

    var headers: FixedHeaders {
        switch response {
        case .identity: tellsAccepted ? Self.accepting : Self.plain
        case .gzip: Self.gzip
        case .deflate: Self.deflate
        }
    }

    private static let plain = FixedHeaders([
        ":status": "200", "content-type": "application/grpc",
    ])
    private static let accepting = FixedHeaders([
        ":status": "200", "content-type": "application/grpc",
        "grpc-accept-encoding": AcceptedEncodings.ours,
    ])
    private static let gzip = FixedHeaders([
        ":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip",
        "grpc-accept-encoding": AcceptedEncodings.ours,
    ])
    private static let deflate = FixedHeaders([
        ":status": "200", "content-type": "application/grpc", "grpc-encoding": "deflate",
        "grpc-accept-encoding": AcceptedEncodings.ours,
    ])
}
