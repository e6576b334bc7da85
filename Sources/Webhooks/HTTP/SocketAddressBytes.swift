internal import Glibc

/// Addresses as the system has them.
enum SocketAddressBytes {
    /// In network order, 4 or 16 bytes; nil when the family has no such address.
    ///
    /// - Parameter address: The beginning of a whole address of the family.
    static func bytes(_ address: UnsafePointer<sockaddr>, family: Int32) -> [UInt8]? {
        let start = unsafe UnsafeRawPointer(address)
        switch family {
        case AF_INET:
            let inside = unsafe start.loadUnaligned(as: sockaddr_in.self).sin_addr
            return unsafe withUnsafeBytes(of: inside) { unsafe Array($0) }
        case AF_INET6:
            let inside = unsafe start.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return unsafe withUnsafeBytes(of: inside) { unsafe Array($0) }
        default: return nil
        }
    }
}
