import Glibc

/// Why the operating system, or TLS, refused something.
public struct IOError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the caller can do about it.
    public enum Code: Sendable {
        /// The address is taken by another process.
        case addressInUse
        /// The address or host name can't be understood or found.
        case badAddress
        /// The peer refused, reset or closed the connection, or can't be reached.
        case connectionLost
        /// No descriptor or memory left: try again later.
        case exhausted
        /// It took too long.
        case timedOut
        /// The owner closed it.
        case closed
        /// The file of the own certificate and those that issued it can't be used.
        case badCertificate
        /// The file of the private key can't be used, or it is another certificate's key.
        case badPrivateKey
        /// The file of the issuers to trust can't be used.
        case badTrustRoots
        /// One side refused the other's handshake or what followed: its certificate, version or
        /// protocol, or what it sent wasn't TLS at all.
        case tlsRefused
        case other
    }

    /// What the caller can do about it.
    public let code: Code
    /// The call that failed, such as `bind`.
    public let operation: String
    /// 0 where there is none.
    public let errno: Int32
    /// OpenSSL's words, such as `certificate has expired`; nil for what isn't TLS.
    public let reason: String?

    public init(_ code: Code, operation: String, errno: Int32 = 0, reason: String? = nil) {
        self.code = code
        self.operation = operation
        self.errno = errno
        self.reason = reason
    }

    /// - Parameter errno: Positive, as in the manual.
    public init(operation: String, errno: Int32) {
        self.init(Self.code(errno), operation: operation, errno: errno)
    }

    /// Safe to log: names the call and the system's words for it.
    public var description: String {
        if let reason { return "\(operation): \(reason)" }
        guard errno != 0 else { return "\(operation): \(code)" }
        return unsafe "\(operation): \(String(cString: strerror(errno)))"
    }

    private static func code(_ errno: Int32) -> Code {
        switch errno {
        case EADDRINUSE: .addressInUse
        case EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, ENOENT, EACCES: .badAddress
        case ECONNREFUSED, ECONNRESET, ECONNABORTED, EPIPE, EHOSTUNREACH, ENETUNREACH, ENOTCONN:
            .connectionLost
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC: .exhausted
        case ETIMEDOUT: .timedOut
        case EBADF: .closed
        default: .other
        }
    }
}

/// Turns a result of CLinux, which holds a negative errno on failure, into a throw.
func check(_ result: Int32, _ operation: String) throws(IOError) -> Int32 {
    if result < 0 { throw IOError(operation: operation, errno: -result) }
    return result
}
