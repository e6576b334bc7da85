import HTTP2
import IO
import Synchronization
import Telemetry

/// What all connections of a server share.
final class ServerCore: Sendable {
    let router: Router
    let configuration: RPCServerConfiguration
    let logger: Logger
    /// From start to return, also of handlers whose call is long gone.
    let handlersRunning = Atomic<Int>(0)
    private let awaitsHandlers = Atomic<Bool>(false)
    private let handlersGone = Latch()
    let http2: HTTP2Configuration
    let budget: ByteBudget
    let metrics: RuntimeMetrics
    /// When to try again, as retry policies read it.
    let pushback: Metadata
    private let connections: Lock<Connections>
    private let unpackingLines = Lock<[ObjectIdentifier: LoopBound<UnpackingLine>]>([:])

    private struct Connections {
        var open: [ObjectIdentifier: ServerConnection] = [:]
        var loads = LoopLoads()
        var peers: PeerBooks
        var draining = false
        var whenEmpty: [UnsafeContinuation<Void, Never>] = []
    }

    init(
        _ services: [any RPCService], _ interceptors: [any RPCInterceptor],
        _ configuration: RPCServerConfiguration, _ registry: MetricsRegistry, _ logger: Logger
    ) {
        router = Router(
            services, interceptors: interceptors, resources: configuration.plainResources)
        self.configuration = configuration
        self.logger = logger
        connections = Lock(Connections(peers: PeerBooks(configuration)))
        var http2 = configuration.http2
        http2.handshakeTimeout = configuration.handshakeTimeout
        self.http2 = http2
        budget = ByteBudget(limit: configuration.maxMemoryBytes)
        metrics = RuntimeMetrics(registry)
        var pushback = HeaderFields()
        pushback.append(
            "grpc-retry-pushback-ms", String(Int(configuration.retryPushback / .milliseconds(1))))
        self.pushback = Metadata(received: pushback)
        RuntimeMetrics.observe(self, in: registry)
    }

    /// What a client hears that may try again.
    func refusal(
        _ code: RPCStatusCode, _ message: String, metadata: Metadata = Metadata()
    ) -> RPCError {
        let details = StatusHeaders.status(
            code, message, retryAfter: configuration.retryPushback)
        return RPCError(code, message, details: details, metadata: metadata)
    }

    /// Runs a handler to its end and answers with what it came to.
    func run(_ call: ServerCall, holding bytes: Int) async {
        var failure: RPCError?
        do {
            try await call.shared.route.handler.handle(call.requests, call.responses, call)
        } catch let error as RPCError {
            failure = error
        } catch is CancellationError {
            failure = RPCError(.cancelled, "cancelled")
        } catch {
            failure = internalError(error, call)
        }
        handlerReturned()
        call.ended(failure, holding: bytes)
    }

    private func handlerReturned() {
        let left = handlersRunning.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, awaitsHandlers.load(ordering: .sequentiallyConsistent) { handlersGone.open() }
    }

    /// Returns when no handler runs; before that only when somebody gives them up.
    func waitForHandlers() async {
        awaitsHandlers.store(true, ordering: .sequentiallyConsistent)
        if handlersRunning.load(ordering: .sequentiallyConsistent) == 0 { handlersGone.open() }
        await handlersGone.wait()
    }

    func giveUpHandlers() {
        handlersGone.open()
    }

    /// The client hears a reference; what it stands for is in the log.
    private func internalError(_ error: any Error, _ call: ServerCall) -> RPCError {
        let reference = String(UInt64.random(in: .min ... .max), radix: 36)
        logger.error(
            "A handler failed",
            [
                .method: .init(call.method.path), .errorReference: .init(reference),
                .error: .init("\(error)"),
            ])
        return RPCError(.internalError, "internal error, reference \(reference)")
    }

    /// Of that loop, which is the caller's. Asked for by compressed messages only.
    func unpackingLine(of loop: IOLoop) -> UnpackingLine {
        unpackingLines.withLock { lines in
            if let line = lines[ObjectIdentifier(loop)] { return line }
            let line = LoopBound(UnpackingLine(loop), on: loop)
            lines[ObjectIdentifier(loop)] = line
            return line
        }.value
    }

    // MARK: Connections

    /// Whether a connection from there may be made: asked before anything is spent on it. Followed by
    /// ``add(_:)``; one loop does both.
    func admits(_ peer: SocketAddress, at now: MonotonicTime) -> Bool {
        let name = countedName(of: peer)
        let (isWelcome, limit): (Bool, RuntimeLimit?) = connections.withLock { connections in
            if connections.draining { return (false, nil) }
            guard connections.open.count < configuration.maxConnections else {
                return (false, .connections)
            }
            let limit = name.flatMap { connections.peers.refusal(of: $0, at: now) }
            return (limit == nil, limit)
        }
        if let limit { metrics.hit(limit) }
        if !isWelcome { metrics.connectionsRefused.increment() }
        return isWelcome
    }

    /// Where the next connection is to live.
    func idlest(of loops: IOLoopGroup) -> IOLoop {
        connections.withLock { $0.loads.idlest(of: loops) }
    }

    /// - Returns: False when the server is on its way out.
    func add(_ connection: ServerConnection) -> Bool {
        let name = countedName(of: connection.peer)
        let isTaken = connections.withLock { connections in
            if connections.draining { return false }
            if let name { connections.peers.opened(name) }
            connections.open[ObjectIdentifier(connection)] = connection
            connections.loads.opened(on: connection.loop)
            return true
        }
        (isTaken ? metrics.connectionsAccepted : metrics.connectionsRefused).increment()
        return isTaken
    }

    func connectionCutOff(_ connection: ServerConnection) {
        guard let name = countedName(of: connection.peer) else { return }
        connections.withLock { $0.peers.cutOff(name, at: connection.loop.now) }
    }

    /// Nil when connections of that peer aren't counted. Who has one IPv6 address has 2^64 of them.
    private func countedName(of peer: SocketAddress) -> String? {
        if peer.isLoopback && !configuration.limitsLocalPeers { return nil }
        guard case .ipv6(let bytes, _, _) = peer, !peer.isLoopback,
            bytes[0..<12] != [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        else { return peer.host }
        return bytes[0..<8].map { String($0, radix: 16) }.joined(separator: ":")
    }

    func connectionClosed(_ connection: ServerConnection) {
        let peer = countedName(of: connection.peer)
        let waiters = connections.withLock { connections in
            guard connections.open.removeValue(forKey: ObjectIdentifier(connection)) != nil else {
                return [UnsafeContinuation<Void, Never>]()
            }
            connections.loads.closed(on: connection.loop)
            if let peer { connections.peers.closed(peer, at: connection.loop.now) }
            guard connections.open.isEmpty else { return [UnsafeContinuation<Void, Never>]() }
            defer { connections.whenEmpty = [] }
            return connections.whenEmpty
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Takes no more connections.
    ///
    /// - Returns: Those that are open.
    func refuseConnections() -> [ServerConnection] {
        connections.withLock { connections in
            connections.draining = true
            return Array(connections.open.values)
        }
    }

    var openConnections: [ServerConnection] {
        connections.withLock { Array($0.open.values) }
    }

    /// Returns when no connection is open.
    func waitUntilEmpty() async {
        await withUnsafeContinuation { waiter in
            let isEmpty = connections.withLock { connections in
                if !connections.open.isEmpty { connections.whenEmpty.append(waiter) }
                return connections.open.isEmpty
            }
            if isEmpty { waiter.resume() }
        }
    }
}
