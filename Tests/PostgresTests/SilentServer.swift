import Glibc

/// Listens and never says a word.
enum SilentServer {
    static func with(_ body: (UInt16) async throws -> Void) async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(descriptor, address, length) == 0, "cannot bind")
                precondition(listen(descriptor, 8) == 0, "cannot listen")
                precondition(getsockname(descriptor, address, &length) == 0, "no name")
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        try await body(port)
    }
}
