internal import CLinux
internal import Glibc

/// Owns one non-blocking stream socket and closes it.
@safe
struct Socket: ~Copyable {
    let fd: Int32

    /// Takes over a descriptor.
    init(owning fd: Int32) { self.fd = fd }

    init(for address: SocketAddress) throws(IOError) {
        let type =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        fd = try Self.check(socket(address.family, type, 0), "socket")
    }

    deinit { close(fd) }

    /// Gives the descriptor away.
    consuming func release() -> Int32 {
        let fd = fd
        discard self
        return fd
    }

    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) throws(IOError) {
        var value = value
        _ = try Self.check(
            unsafe setsockopt(fd, level, name, &value, socklen_t(MemoryLayout<Int32>.size)),
            "setsockopt")
    }

    func bind(_ address: SocketAddress) throws(IOError) {
        let result = try unsafe address.withSystemAddress { unsafe Glibc.bind(fd, $0, $1) }
        guard result < 0 else { return }
        // Before the text is made, which may change it.
        let reason = errno
        throw IOError(operation: "bind \(address)", errno: reason)
    }

    /// Binds where a process that is gone may have left its socket, which is replaced.
    ///
    /// - Throws: ``IOError`` `.addressInUse` when somebody answers there, or when it is a file of
    ///   another kind.
    func bind(unixPath path: String) throws(IOError) -> FileIdentity {
        let address = SocketAddress.unix(path: path)
        do throws(IOError) {
            try bind(address)
        } catch {
            guard error.code == .addressInUse, Self.isLeftBehind(address),
                FileIdentity(path)?.isSocket == true, unsafe unlink(path) == 0
            else { throw error }
            try bind(address)
        }
        guard let identity = FileIdentity(path) else {
            throw IOError(operation: "bind \(address)", errno: errno)
        }
        return identity
    }

    private static func isLeftBehind(_ address: SocketAddress) -> Bool {
        do throws(IOError) {
            _ = try Socket(for: address).connect(address)
            return false
        } catch {
            return error.errno == ECONNREFUSED
        }
    }

    func listen(backlog: Int32) throws(IOError) {
        _ = try Self.check(Glibc.listen(fd, backlog), "listen")
    }

    /// - Returns: Whether it is connected already; else wait until it is writable.
    func connect(_ address: SocketAddress) throws(IOError) -> Bool {
        let result = try unsafe address.withSystemAddress { unsafe Glibc.connect(fd, $0, $1) }
        if result < 0 && errno == EINPROGRESS { return false }
        _ = try Self.check(result, "connect")
        return true
    }

    /// What became of a connect.
    func pendingError() throws(IOError) {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        _ = try Self.check(
            unsafe getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length), "getsockopt")
        if value != 0 { throw IOError(operation: "connect", errno: value) }
    }

    var localAddress: SocketAddress {
        unsafe SocketAddress.read { unsafe getsockname(fd, $0, $1) }.address
    }

    /// - Returns: Nil when nobody waits.
    func accept() throws(IOError) -> (fd: Int32, peer: SocketAddress)? {
        let (result, peer) = unsafe SocketAddress.read { unsafe clinux_accept(fd, $0, $1) }
        if result >= 0 { return (result, peer) }
        switch -result {
        case EAGAIN, EINTR, ECONNABORTED, EPROTO, EPERM: return nil
        default: throw IOError(operation: "accept", errno: -result)
        }
    }

    /// - Returns: How many bytes came, 0 at the end, nil when none are there yet.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOError) -> Int? {
        let count = unsafe recv(fd, buffer.baseAddress, buffer.count, 0)
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return nil }
        throw IOError(operation: "recv", errno: errno)
    }

    /// - Returns: How many bytes the kernel took, 0 when it takes none now.
    func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Int {
        let count = unsafe send(fd, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return 0 }
        throw IOError(operation: "send", errno: errno)
    }

    /// The peer reads the end of the stream after what was written; we can still read.
    func shutdownWrites() {
        _ = Glibc.shutdown(fd, Int32(SHUT_WR))
    }

    private static func check(_ result: Int32, _ operation: String) throws(IOError) -> Int32 {
        if result < 0 { throw IOError(operation: operation, errno: errno) }
        return result
    }
}
