/// Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). The peer may send any number.
public struct HTTP2ErrorCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let noError = Self(rawValue: 0)
    public static let protocolError = Self(rawValue: 1)
    public static let internalError = Self(rawValue: 2)
    public static let flowControlError = Self(rawValue: 3)
    public static let streamClosed = Self(rawValue: 5)
    public static let refusedStream = Self(rawValue: 7)
    public static let cancel = Self(rawValue: 8)
    public static let enhanceYourCalm = Self(rawValue: 11)
    public static let inadequateSecurity = Self(rawValue: 12)
    /// Never on the wire: the whole connection is gone.
    public static let connectionLost = Self(rawValue: .max)

    private static let names = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
        "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
        "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]

    public var description: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "error \(rawValue)"
    }
}

/// Why a connection can't go on.
public struct HTTP2Error: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable {
        /// The peer broke the protocol or one of our limits.
        case peer
        /// Out of memory, or our bug.
        case library
    }

    public let code: Code
    /// Safe to log.
    public let description: String
}
