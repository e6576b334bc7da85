import HTTP2

/// What one block of a response's header fields says, read as they arrive.
struct ResponseHead {
    /// Nil in trailers.
    private(set) var httpStatus: Int?
    private(set) var isGRPC = false
    /// `grpc-status`; a number that is none reads as UNKNOWN.
    private(set) var status: RPCStatusCode?
    /// Nil when it is one that nobody here knows.
    private(set) var encoding: CompressionAlgorithm? = .identity
    private(set) var pushback: RetryState.Pushback?
    private(set) var fields = HeaderFields()
    private var message: [UInt8] = []
    private var details: [UInt8] = []

    mutating func receive(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        if name.equals(":status") {
            httpStatus = Int(String(value)) ?? 0
        } else if name.equals("content-type") {
            isGRPC =
                value.count >= 16 && value.extracting(0..<16).equals("application/grpc")
        } else if name.equals("grpc-status") {
            status = RPCStatusCode(rawValue: Int(String(value)) ?? 2)
        } else if name.equals("grpc-message") {
            message = Array(String(value).utf8)
        } else if name.equals("grpc-status-details-bin") {
            details = Base64.decode(Array(String(value).utf8)) ?? []
        } else if name.equals("grpc-encoding") {
            encoding = CompressionAlgorithm(value)
        } else if name.equals("grpc-retry-pushback-ms") {
            pushback = RetryState.Pushback(String(value))
            fields.append(name, value)
        } else if !name.equals("grpc-accept-encoding") {
            fields.append(name, value)
        }
    }

    var metadata: Metadata { Metadata(received: fields) }

    /// The status as an error; nil when it is OK.
    func error(_ status: RPCStatusCode) -> RPCError? {
        guard status != .ok else { return nil }
        return RPCError(
            status, PercentEncoding.decode(message), details: details, metadata: metadata)
    }
}
