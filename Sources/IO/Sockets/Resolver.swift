internal import Glibc
import Telemetry

/// Host names into addresses. The system's look-up blocks, so it has threads of its own: few, and
/// who finds them busy waits.
public enum Resolver {
    public typealias Answer = Result<[SocketAddress], IOError>

    private static let mostThreads = 4
    private static let threads = Lock(Threads())

    private struct Threads {
        var running = 0
        var waiting: [LookUp] = []
    }

    /// Numeric addresses and `localhost` at once, other names as the system knows them.
    ///
    /// - Returns: At least one address, in the system's order of preference.
    /// - Throws: ``IOError`` `.badAddress`.
    public static func addresses(host: String, port: Int) async throws -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        return try await withCheckedThrowingContinuation { continuation in
            run(LookUp([(host, port)]) { continuation.resume(with: $0) })
        }
    }

    /// The same for several hosts and for code that isn't a task's. On the loop only.
    ///
    /// - Parameter completion: Called once, later, on the loop: with the addresses of all hosts that
    ///   have some, `.badAddress` when none has, `.timedOut` after `timeout`.
    public static func addresses(
        of hosts: [(name: String, port: Int)], on loop: IOLoop, timeout: Duration,
        completion: @escaping @Sendable (Answer) -> Void
    ) {
        let lookUp = LookUp(hosts) { answer in loop.execute { completion(answer) } }
        _ = loop.schedule(after: timeout) {
            lookUp.finish(.failure(IOError(.timedOut, operation: "look up \(hosts[0].name)")))
        }
        run(lookUp)
    }

    private static func run(_ lookUp: LookUp) {
        let needsThread = threads.withLock { threads in
            threads.waiting.append(lookUp)
            guard threads.running < mostThreads else { return false }
            threads.running += 1
            return true
        }
        guard needsThread else { return }
        let thread = LoopThread()
        do throws(IOError) {
            try thread.start {
                while let next = next() { next.run() }
            }
            thread.detach()
        } catch {
            threads.withLock { $0.running -= 1 }
            lookUp.finish(.failure(error))
        }
    }

    /// - Returns: Nil when the thread that asks is to end.
    private static func next() -> LookUp? {
        threads.withLock { threads in
            guard threads.waiting.isEmpty else { return threads.waiting.removeFirst() }
            threads.running -= 1
            return nil
        }
    }
}

/// One question to the system, answered once.
private final class LookUp: Sendable {
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
