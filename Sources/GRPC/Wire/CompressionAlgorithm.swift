import Compression
import HTTP2

/// How messages are compressed: what gRPC calls a content coding.
public enum CompressionAlgorithm: Sendable, Hashable, CaseIterable {
    /// Not at all.
    case identity
    /// RFC 1950, in spite of its name.
    case deflate
    /// RFC 1952.
    case gzip

    /// As `grpc-encoding` spells it.
    public var name: String {
        switch self {
        case .identity: "identity"
        case .deflate: "deflate"
        case .gzip: "gzip"
        }
    }

    /// Nil when it is unknown.
    init?(_ name: Span<UInt8>) {
        if name.equals("identity") {
            self = .identity
        } else if name.equals("gzip") {
            self = .gzip
        } else if name.equals("deflate") {
            self = .deflate
        } else {
            return nil
        }
    }

    /// Nil for identity.
    var format: CompressionFormat? {
        switch self {
        case .identity: nil
        case .deflate: .zlib
        case .gzip: .gzip
        }
    }

    /// What is sent for a message: the message itself when compressing would make it no smaller.
    func pack(_ message: [UInt8]) -> FramedMessage {
        guard let packed = format?.compress(message), packed.count < message.count else {
            return FramedMessage(message)
        }
        return FramedMessage(packed, isCompressed: true)
    }

    /// - Throws: ``RPCError``, the status for a message that is damaged, or too large.
    func unpack(_ packed: [UInt8], maxMessageBytes: Int) throws(RPCError) -> [UInt8] {
        guard let format else { throw MessageDeframer.Failure.unexpectedCompression.rpcError }
        do {
            return try format.decompress(packed, maxBytes: maxMessageBytes)
        } catch {
            throw Self.status(of: error, maxMessageBytes)
        }
    }

    static func status(of error: CompressionError, _ maxMessageBytes: Int) -> RPCError {
        switch error.code {
        case .tooLarge:
            RPCError(
                .resourceExhausted,
                "decompressed message is over the limit of \(maxMessageBytes) bytes")
        case .suspicious:
            RPCError(
                .resourceExhausted,
                "message decompresses to more than \(CompressionFormat.maxExpansion) times its size"
            )
        case .corrupt: RPCError(.internalError, "compressed message is corrupt")
        case .truncated: RPCError(.internalError, "compressed message is cut short")
        case .trailingBytes:
            RPCError(.internalError, "compressed message is followed by other bytes")
        }
    }
}

/// What a peer says it can decompress: `grpc-accept-encoding`.
struct AcceptedEncodings: Equatable {
    /// What we accept ourselves.
    static let ours: StaticString = "identity,deflate,gzip"

    private(set) var gzip = false
    private(set) var deflate = false

    /// None.
    init() {}

    /// Names of the list that we don't know are passed over.
    init(_ list: Span<UInt8>) {
        var start = 0
        for index in 0...list.count
        where index == list.count || list[index] == UInt8(ascii: ",") {
            var (first, end) = (start, index)
            while first < end && list[first] == UInt8(ascii: " ") { first += 1 }
            while first < end && list[end - 1] == UInt8(ascii: " ") { end -= 1 }
            switch CompressionAlgorithm(list.extracting(first..<end)) {
            case .gzip: gzip = true
            case .deflate: deflate = true
            case .identity, nil: break
            }
            start = index + 1
        }
    }

    /// The peer's own choice if it takes it back, else what it takes.
    func best(preferring own: CompressionAlgorithm) -> CompressionAlgorithm {
        switch own {
        case .deflate where deflate: .deflate
        default: gzip ? .gzip : deflate ? .deflate : .identity
        }
    }
}
