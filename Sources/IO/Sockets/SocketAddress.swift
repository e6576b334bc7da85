internal import Glibc

/// Where a socket listens, or where its peer is.
public enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Address in network order, as in `[127, 0, 0, 1]`.
    case ipv4([UInt8], port: Int)
    case ipv6([UInt8], port: Int, scope: UInt32)
    case unix(path: String)

    /// A numeric address, or `localhost`. Other names need ``Resolver``.
    public init?(host: String, port: Int) {
        guard (0...65_535).contains(port) else { return nil }
        let host = host == "localhost" ? "127.0.0.1" : host
        var v4 = in_addr()
        if unsafe inet_pton(AF_INET, host, &v4) == 1 {
            self = .ipv4(unsafe withUnsafeBytes(of: &v4) { unsafe Array($0) }, port: port)
            return
        }
        var v6 = in6_addr()
        let bare =
            host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host[...]
        guard unsafe inet_pton(AF_INET6, String(bare), &v6) == 1 else { return nil }
        self = .ipv6(unsafe withUnsafeBytes(of: &v6) { unsafe Array($0) }, port: port, scope: 0)
    }

    /// The numeric address, or the socket's path.
    public var host: String {
        switch self {
        case .ipv4(let bytes, _): Self.text(AF_INET, bytes)
        case .ipv6(let bytes, _, _): Self.text(AF_INET6, bytes)
        case .unix(let path): path
        }
    }

    /// 0 for a Unix socket.
    public var port: Int {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .unix: 0
        }
    }

    /// Whether only this machine can be there: `127.0.0.0/8` (also mapped into IPv6), `::1` and
    /// Unix sockets.
    public var isLoopback: Bool {
        switch self {
        case .ipv4(let bytes, _): bytes[0] == 127
        case .ipv6(let bytes, _, _):
            bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
                || bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
                    && bytes[12] == 127
        case .unix: true
        }
    }

    /// `127.0.0.1:50053`, `[::1]:50053`, `unix:/path`.
    public var description: String {
        switch self {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    private static func text(_ family: Int32, _ bytes: [UInt8]) -> String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard unsafe inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else {
            return "?"
        }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

// The system's form.
extension SocketAddress {
    var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// - Throws: `.badAddress` when a Unix path is longer than the 107 bytes the system takes.
    func withSystemAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws(IOError) -> Result {
        var storage = sockaddr_storage()
        let length: Int
        switch self {
        case .ipv4(let bytes, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) {
                unsafe $0.copyBytes(from: bytes)
            }
            length = Self.store(&address, in: &storage)
        case .ipv6(let bytes, let port, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = in_port_t(port).bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) {
                unsafe $0.copyBytes(from: bytes)
            }
            length = Self.store(&address, in: &storage)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
                guard path.utf8.count < room.count else { return false }
                unsafe room.copyBytes(from: path.utf8)
                return true
            }
            if !fits { throw IOError(operation: "socket path", errno: EINVAL) }
            length = Self.store(&address, in: &storage)
        }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(length))
            }
        }
    }

    private static func store<Address>(
        _ address: inout Address, in storage: inout sockaddr_storage
    ) -> Int {
        unsafe withUnsafeMutableBytes(of: &storage) { room in
            unsafe withUnsafeBytes(of: &address) { unsafe room.copyMemory(from: $0) }
        }
        return MemoryLayout<Address>.size
    }

    /// Fills in what `call` writes, as accept(2) and getsockname(2) do.
    static func read(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (result: Int32, address: SocketAddress) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call($0, &length)
            }
        }
        return (result, SocketAddress(storage, length: Int(length)))
    }

    private init(_ storage: sockaddr_storage, length: Int) {
        self = unsafe withUnsafeBytes(of: storage) { raw in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let address = unsafe raw.load(as: sockaddr_in.self)
                return unsafe .ipv4(
                    Array(raw[4..<8]), port: Int(in_port_t(bigEndian: address.sin_port)))
            case AF_INET6:
                let address = unsafe raw.load(as: sockaddr_in6.self)
                return unsafe .ipv6(
                    Array(raw[8..<24]), port: Int(in_port_t(bigEndian: address.sin6_port)),
                    scope: address.sin6_scope_id)
            default:
                let path = unsafe raw[2..<max(2, min(length, raw.count))].prefix { $0 != 0 }
                return unsafe .unix(path: String(decoding: path, as: UTF8.self))
            }
        }
    }
}
