internal import Glibc

/// Host names into addresses.
public enum Resolver {
    /// Numeric addresses and `localhost` at once; other names are asked of the system on a thread
    /// of their own, since it blocks there.
    ///
    /// - Returns: At least one address, in the system's order of preference.
    /// - Throws: ``IOError`` `.badAddress`.
    public static func addresses(host: String, port: Int) async throws -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        return try await withCheckedThrowingContinuation { continuation in
            onOwnThread(host, port) { continuation.resume(with: $0) }
        }
    }

    /// The same for code that isn't a task's: the completion is called once, later, on the loop.
    public static func addresses(
        host: String, port: Int, on loop: IOLoop,
        completion: @escaping @Sendable (Result<[SocketAddress], IOError>) -> Void
    ) {
        if let address = SocketAddress(host: host, port: port) {
            loop.execute { completion(.success([address])) }
            return
        }
        onOwnThread(host, port) { result in loop.execute { completion(result) } }
    }

    private static func onOwnThread(
        _ host: String, _ port: Int,
        completion: @escaping @Sendable (Result<[SocketAddress], IOError>) -> Void
    ) {
        let thread = LoopThread()
        do throws(IOError) {
            try thread.start {
                do throws(IOError) {
                    completion(.success(try lookUp(host, port)))
                } catch {
                    completion(.failure(error))
                }
            }
            thread.detach()
        } catch {
            completion(.failure(error))
        }
    }

    private static func lookUp(_ host: String, _ port: Int) throws(IOError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0, let first = unsafe list
        else { throw IOError(.badAddress, operation: "look up \(host)") }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next: UnsafeMutablePointer<addrinfo>? = unsafe first
        while let entry = unsafe next {
            let length = unsafe entry.pointee.ai_addrlen
            if let source = unsafe entry.pointee.ai_addr {
                addresses.append(
                    unsafe SocketAddress.read { room, size in
                        unsafe memcpy(room, source, Int(length))
                        unsafe size.pointee = length
                        return 0
                    }.address)
            }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw IOError(.badAddress, operation: "look up \(host)") }
        return addresses
    }
}
