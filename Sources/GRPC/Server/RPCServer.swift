public import IO
import Synchronization
public import Telemetry

/// Serves gRPC services over HTTP/2, and `GET /healthz`.
///
/// ``bind(host:port:)``, then ``run()``; ``shutdown(grace:)`` from elsewhere makes `run` return.
public final class RPCServer: Sendable {
    public typealias Configuration = RPCServerConfiguration

    private let core: ServerCore
    private let loops: IOLoopGroup
    private let door: Door
    private let willShutDown: (@Sendable () async -> Void)?
    private let stopped = Latch()
    private let shuttingDown = Atomic<Bool>(false)

    /// - Parameters:
    ///   - interceptors: Around every call that has a handler, the first one outermost.
    ///   - willShutDown: Called first of all when the server is told to stop, before clients
    ///     hear of it: the place to turn health to NOT_SERVING and to end subscriptions.
    /// - Precondition: No method is served twice.
    public init(
        services: [any RPCService], interceptors: [any RPCInterceptor] = [],
        configuration: Configuration = Configuration(), loops: IOLoopGroup, logger: Logger,
        willShutDown: (@Sendable () async -> Void)? = nil
    ) {
        core = ServerCore(services, interceptors, configuration, logger)
        self.loops = loops
        self.willShutDown = willShutDown
        door = Door(loop: loops.loops[0], core: core, loops: loops)
    }

    /// Listens; who connects before ``run()`` waits.
    ///
    /// - Parameters:
    ///   - host: A numeric address or a name; `0.0.0.0` for all.
    ///   - port: 0 lets the system choose.
    /// - Returns: Where it listens.
    /// - Throws: ``IOError``: `.addressInUse`, `.badAddress`.
    public func bind(host: String, port: Int) async throws -> SocketAddress {
        let addresses = try await Resolver.addresses(host: host, port: port)
        return try await door.open(addresses[0])
    }

    /// Serves until ``shutdown(grace:)`` is through. Cancelling the task ends every call at once.
    ///
    /// - Throws: ``IOError`` when it can't accept.
    public func run() async throws {
        try await door.startAccepting()
        await withTaskCancellationHandler {
            await stopped.wait()
        } onCancel: {
            endConnections()
        }
    }

    /// Stops in good order: the hook, no new connections, GOAWAY; calls that are open go on for at
    /// most `grace` and get UNAVAILABLE then. Returns when every connection is closed.
    public func shutdown(grace: Duration) async {
        guard !shuttingDown.exchange(true, ordering: .relaxed) else { return await stopped.wait() }
        await willShutDown?()
        await door.close()
        for connection in core.refuseConnections() { await connection.drain() }
        await door.after(grace) { [core] in
            for connection in core.openConnections {
                connection.onLoop { $0.terminate() }
            }
        }
        await core.waitUntilEmpty()
        await door.forgetTimer()
        stopped.open()
    }

    /// How many handlers run, also those whose call is over and who haven't noticed.
    public var handlersRunning: Int { core.handlersRunning.load(ordering: .relaxed) }

    private func endConnections() {
        let connections = core.refuseConnections()
        door.onLoop { $0.close() }
        for connection in connections { connection.onLoop { $0.terminate() } }
        stopped.open()
    }
}

/// The listener, on the group's first loop; hands connections to the loops in turn.
private actor Door {
    nonisolated let loop: IOLoop
    private let core: ServerCore
    private let loops: IOLoopGroup
    private var listener: Listener?
    private var timer: IOTimer?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: IOLoop, core: ServerCore, loops: IOLoopGroup) {
        self.loop = loop
        self.core = core
        self.loops = loops
    }

    func open(_ address: SocketAddress) throws(IOError) -> SocketAddress {
        let listener = try Listener(address, on: loop, logger: core.logger)
        self.listener = listener
        return listener.address
    }

    func startAccepting() throws(IOError) {
        try listener?.start { [core, loops] fd, peer in
            let connection = ServerConnection(loop: loops.next(), peer: peer, core: core)
            if core.add(connection) {
                connection.onLoop { $0.start(fd) }
            } else {
                Listener.refuse(fd)
            }
        }
    }

    func close() {
        listener?.stop()
        listener = nil
    }

    func after(_ delay: Duration, _ action: @escaping @Sendable () -> Void) {
        timer = loop.schedule(after: delay, action)
    }

    func forgetTimer() {
        timer?.cancel()
        timer = nil
    }

    nonisolated func onLoop(_ action: @escaping @Sendable (isolated Door) -> Void) {
        loop.execute { self.assumeIsolated(action) }
    }
}

/// Opens once; lets through whoever waits.
final class Latch: Sendable {
    private let state = Lock<(isOpen: Bool, waiters: [UnsafeContinuation<Void, Never>])>(
        (false, []))

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withUnsafeContinuation { waiter in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(waiter) }
                return state.isOpen
            }
            if isOpen { waiter.resume() }
        }
    }
}
