public import IO
import Synchronization
public import Telemetry

/// Serves gRPC services over HTTP/2, and `GET /healthz`.
///
/// ``bind(host:port:tls:)`` and ``bind(unixPath:tls:)``, as often as there are ways in, then
/// ``run()``; ``shutdown(grace:)`` from elsewhere makes `run` return.
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
        configuration: Configuration = Configuration(), loops: IOLoopGroup,
        metrics: MetricsRegistry = MetricsRegistry(), logger: Logger,
        willShutDown: (@Sendable () async -> Void)? = nil
    ) {
        core = ServerCore(services, interceptors, configuration, metrics, logger)
        self.loops = loops
        self.willShutDown = willShutDown
        door = Door(loop: loops.loops[0], core: core, loops: loops)
    }

    /// Listens; who connects before ``run()`` waits.
    ///
    /// - Parameters:
    ///   - host: A numeric address or a name; `0.0.0.0` for all.
    ///   - port: 0 lets the system choose.
    ///   - tls: Nil for plaintext (h2c).
    /// - Returns: Where it listens.
    /// - Throws: ``IOError``: `.addressInUse`, `.badAddress`.
    @discardableResult
    public func bind(
        host: String, port: Int, tls: TLSContext? = nil
    ) async throws -> SocketAddress {
        let addresses = try await Resolver.addresses(host: host, port: port)
        return try await door.open(addresses[0], tls)
    }

    /// The same at a path of the file system, of 107 bytes at most. A socket that an earlier process
    /// left there is replaced; the file is gone when the server has stopped.
    ///
    /// Whoever may write to the file may connect: its mode is what the process's umask leaves, so
    /// that with the usual one it is the owner alone, and the folder's mode comes on top.
    ///
    /// - Throws: ``IOError``: `.addressInUse` when somebody answers there, or when it is a file of
    ///   another kind; `.badAddress`.
    @discardableResult
    public func bind(unixPath: String, tls: TLSContext? = nil) async throws -> SocketAddress {
        try await door.open(.unix(path: unixPath), tls)
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
    /// most `grace` and get UNAVAILABLE then. Returns when every connection is closed and every
    /// handler has returned; those that ignore their cancellation are waited for no longer than
    /// ``RPCServerConfiguration/handlerPatience``.
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
        await door.after(core.configuration.handlerPatience) { [core] in core.giveUpHandlers() }
        await core.waitForHandlers()
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
