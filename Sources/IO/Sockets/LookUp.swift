internal import Glibc
import Telemetry

/// One question to the system, answered once.
final class LookUp: Sendable {
    private let hosts: [(name: String, port: Int)]
    private let completion: Lock<(@Sendable (Resolver.Answer) -> Void)?>

    init(
        _ hosts: [(name: String, port: Int)],
        completion: @escaping @Sendable (Resolver.Answer) -> Void
    ) {
        self.hosts = hosts
        self.completion = Lock(completion)
    }

    /// Later answers are dropped.
    func finish(_ answer: Resolver.Answer) {
        let completion = completion.withLock { $0.take() }
        completion?(answer)
    }

    /// Blocks.
    func run() {
        // Nobody may be waiting any more.
        guard completion.withLock({ $0 != nil }) else { return }
        var addresses: [SocketAddress] = []
        var failure = IOError(.badAddress, operation: "look up")
        for host in hosts {
            do throws(IOError) {
                addresses += try Self.lookUp(host.name, host.port)
            } catch {
                failure = error
            }
        }
        finish(addresses.isEmpty ? .failure(failure) : .success(addresses))
    }

    private static func lookUp(_ host: String, _ port: Int) throws(IOError) -> [SocketAddress] {
        if host != "localhost", let address = SocketAddress(host: host, port: port) {
            return [address]
        }
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
