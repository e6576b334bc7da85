import HTTP2

/// A status as header fields, and back.
enum StatusHeaders {
    static let okTrailers = FixedHeaders(["grpc-status": "0"])
    static let noFixed = FixedHeaders([:])
    /// Clients take 8 KiB of header fields or little more: past it the status itself would be lost.
    /// Some of it is for `:status` and `content-type`, which a call without messages has here too.
    private static let maxListBytes = 8 * 1_024 - 128
    private static let detailsName = "grpc-status-details-bin"

    static func encode(_ error: RPCError, trailing: Metadata) -> HeaderFields {
        var fields = HeaderFields()
        fields.append("grpc-status", String(error.code.rawValue))
        let message = RPCError.fitting(error.message)
        if !message.isEmpty { fields.append("grpc-message", PercentEncoding.encode(message)) }
        fields.append(contentsOf: trailing.fields)
        fields.append(contentsOf: error.metadata.fields)
        let details = [error.details, plainStatus(error.code, message)]
        if let fitting = details.first(where: { bytes in
            !bytes.isEmpty && fields.listBytes + listBytes(ofDetails: bytes) <= maxListBytes
        }) {
            fields.append(detailsName, Base64.encode(fitting))
        }
        return fields
    }

    private static func listBytes(ofDetails bytes: [UInt8]) -> Int {
        detailsName.utf8.count + (bytes.count * 4 + 2) / 3 + HeaderFields.overhead
    }

    /// A `google.rpc.Status` without details, for clients that look for one in every answer:
    /// 1 code int32, 2 message string. Two fields, so this layer needs no protobuf for them.
    private static func plainStatus(_ code: RPCStatusCode, _ message: String) -> [UInt8] {
        let bytes: [UInt8] = [0x08, UInt8(truncatingIfNeeded: code.rawValue)]
        return message.isEmpty ? bytes : bytes + field(2, Array(message.utf8))
    }

    /// The same with a `google.rpc.RetryInfo` (1 retry_delay) among its details (3), each an `Any` (1
    /// type_url, 2 value); the delay is a `Duration` (1 seconds int64, 2 nanos int32).
    static func status(
        _ code: RPCStatusCode, _ message: String, retryAfter delay: Duration
    ) -> [UInt8] {
        let (seconds, attoseconds) = delay.components
        let length =
            number(1, UInt64(max(0, seconds)))
            + number(2, UInt64(max(0, attoseconds / 1_000_000_000)))
        let type = Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
        let info = field(1, type) + field(2, field(1, length))
        return plainStatus(code, RPCError.fitting(message)) + field(3, info)
    }

    private static func number(_ field: UInt8, _ value: UInt64) -> [UInt8] {
        value == 0 ? [] : [field << 3] + varint(value)
    }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var (bytes, rest) = ([UInt8](), value)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// What HTTP's own status says of a call (gRPC's `http-grpc-status-mapping`).
    static func code(httpStatus: Int) -> RPCStatusCode {
        switch httpStatus {
        case 400: .internalError
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .unimplemented
        case 429, 502, 503, 504: .unavailable
        default: .unknown
        }
    }

    /// What the end of a stream without a status says of its call.
    static func error(_ code: HTTP2ErrorCode) -> RPCError {
        switch code {
        case .connectionLost: RPCError(.unavailable, "connection lost")
        case .refusedStream: RPCError(.unavailable, "the server takes no new calls")
        case .cancel: RPCError(.cancelled, "cancelled by the peer")
        case .enhanceYourCalm: RPCError(.resourceExhausted, "the peer is overloaded")
        case .inadequateSecurity: RPCError(.permissionDenied, "inadequate security")
        default: RPCError(.internalError, "stream ended with \(code) and no status")
        }
    }
}
