/// A call's status other than OK: what a handler throws to end its call so, and what a client gets.
public struct RPCError: Error, Sendable, Hashable, CustomStringConvertible {
    public let code: RPCStatusCode
    /// For the peer to read: no payload, SQL or path belongs here.
    public let message: String
    /// A serialized `google.rpc.Status`, sent as `grpc-status-details-bin`; empty for none. Clients
    /// take 8 KiB of trailers in all: details that don't fit, over 5 KiB or so, are left out.
    public let details: [UInt8]
    /// Trailing metadata.
    public let metadata: Metadata

    public init(
        _ code: RPCStatusCode, _ message: String, details: [UInt8] = [],
        metadata: Metadata = Metadata()
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.metadata = metadata
    }

    /// Most bytes of a message, as `grpc-message` encodes it.
    static let maxMessageBytes = 1_024

    /// The beginning of a message, as much as is sent. Clients refuse a status whose message and
    /// details disagree, so details repeat this.
    public static func fitting(_ message: String) -> String {
        var bytes = 0
        let scalars = message.unicodeScalars.prefix { scalar in
            let isPlain = (0x20...0x7e).contains(scalar.value) && scalar != "%"
            bytes += isPlain ? 1 : 3 * UTF8.width(scalar)
            return bytes <= maxMessageBytes
        }
        return String(scalars)
    }

    /// Safe to log: code and message.
    public var description: String { "\(code): \(message)" }
}
