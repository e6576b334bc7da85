import Telemetry

/// Host names into addresses. The system's look-up blocks, so it has threads of its own: few, and
/// who finds them busy waits.
public enum Resolver {
    public typealias Answer = Result<[SocketAddress], IOError>

    private static let queue = Lock(ThreadQueue<LookUp>(mostThreads: 4))

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
        guard queue.withLock({ $0.add(lookUp) }) else { return }
        let thread = LoopThread()
        do throws(IOError) {
            try thread.start {
                while let next = queue.withLock({ $0.next() }) { next.run() }
            }
            thread.detach()
        } catch {
            queue.withLock { $0.threadFailed() }
            lookUp.finish(.failure(error))
        }
    }
}
