import HTTP2
import IO
import Telemetry

/// One client's connection, pinned to a loop: the door through which handlers reach their streams.
actor ServerConnection {
    nonisolated let loop: IOLoop
    nonisolated let peer: SocketAddress
    private let tls: TLSContext?
    nonisolated let gate: CallGate
    private let core: ServerCore
    private var http2: HTTP2Connection?
    private var nextToken: UInt64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: IOLoop, peer: SocketAddress, tls: TLSContext?, core: ServerCore) {
        self.loop = loop
        self.peer = peer
        self.tls = tls
        self.core = core
        gate = CallGate(core)
    }

    /// Takes over an accepted descriptor.
    func start(_ fd: Int32) {
        let connection = Connection(
            owning: fd, peer: peer, loop: loop, tls: tls,
            handshakeTimeout: core.configuration.handshakeTimeout)
        do {
            http2 = try HTTP2Connection(
                .server, on: connection, configuration: core.configuration.http2,
                handler: ServerStreams(self, core), books: gate.books)
            core.logger.debug("Connection opened", [.peer: "\(peer)"])
        } catch {
            core.logger.warning(
                "Can't start a connection", [.peer: "\(peer)", .error: .init("\(error)")])
            connection.close()
            core.connectionClosed(self)
        }
    }

    /// Who the client proved to be, by its certificate.
    var peerIdentity: PeerIdentity? { http2?.connection.peerIdentity }

    /// Lets open calls end, takes no new ones, then closes.
    func drain() {
        http2?.drain()
    }

    /// Ends what is left: each call with UNAVAILABLE, then the connection.
    func terminate() {
        guard let session = http2?.session else { return }
        session.forEachStream { stream in
            (stream as? ServerStream)?.fail(RPCError(.unavailable, "the server is shutting down"))
        }
        http2?.finish()
    }

    func closed(_ reason: String?) {
        http2 = nil
        core.logger.debug("Connection closed", [.peer: "\(peer)", .reason: "\(reason ?? "end")"])
        core.connectionClosed(self)
    }

    private func stream(_ id: Int32) -> ServerStream? {
        http2?.session?.stream(id) as? ServerStream
    }

    private static let ended = RPCError(.cancelled, "the call has ended")

    // MARK: For a call's handler

    // A call's task runs on the loop already: what need not wait is done on the spot, without the
    // hops onto the actor and back. Code that left the loop takes the longer way.

    nonisolated func nextRequest(_ id: Int32) async throws -> [UInt8]? {
        switch pullHere(id) {
        case .message(let message): message
        case .end: nil
        case .fail(let error): throw error
        case .wait: try await waitOn(id) { $0.park(reader: $1) }
        }
    }

    nonisolated private func pullHere(_ id: Int32) -> ServerCallState.Pull {
        guard loop.isOnLoop else { return .wait }
        return assumeIsolated { $0.stream(id)?.pull() ?? .fail(Self.ended) }
    }

    nonisolated func send(_ message: [UInt8], compressed: Bool, _ id: Int32) async throws {
        let mustWait =
            if let outcome = queueHere(message, compressed, id) {
                try outcome.get()
            } else {
                try await queue(message, compressed, id)
            }
        if mustWait { try await waitOn(id) { $0.park(sender: $1) } }
    }

    nonisolated private func queueHere(
        _ message: [UInt8], _ compressed: Bool, _ id: Int32
    ) -> Result<Bool, RPCError>? {
        guard loop.isOnLoop else { return nil }
        return assumeIsolated { connection in
            Result { () throws(RPCError) in try connection.queue(message, compressed, id) }
        }
    }

    private func queue(
        _ message: [UInt8], _ compressed: Bool, _ id: Int32
    ) throws(RPCError) -> Bool {
        guard let stream = stream(id) else { throw Self.ended }
        return try stream.queue(message, compressed: compressed)
    }

    /// Suspends the task until its waiter is resumed, or the task is cancelled.
    private func waitOn<Value>(
        _ id: Int32, park: @Sendable (ServerStream, Waiter<Value>) -> Void
    ) async throws -> Value {
        nextToken += 1
        let token = nextToken
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                // Up to here the loop may have turned: the state is looked at anew, in one go with
                // parking. A cancellation from elsewhere reaches the loop after that.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if let stream = stream(id) {
                    park(stream, Waiter(token: token, continuation: continuation))
                } else {
                    continuation.resume(throwing: Self.ended)
                }
            }
        } onCancel: {
            onLoop { $0.stream(id)?.cancelWaiter(token) }
        }
    }

    /// Now when on the loop, else soon.
    nonisolated func onLoop(_ action: @escaping @Sendable (isolated ServerConnection) -> Void) {
        if loop.isOnLoop {
            assumeIsolated(action)
        } else {
            loop.execute { self.assumeIsolated(action) }
        }
    }

    func setInitialMetadata(_ metadata: Metadata, now: Bool, _ id: Int32) {
        stream(id)?.setInitialMetadata(metadata, now: now)
    }

    func setTrailingMetadata(_ metadata: Metadata, _ id: Int32) {
        stream(id)?.setTrailingMetadata(metadata)
    }

    func compressResponses(_ id: Int32) {
        stream(id)?.compressResponses()
    }

    func requestWasCompressed(_ id: Int32) -> Bool {
        stream(id)?.requestWasCompressed ?? false
    }

    nonisolated func handlerEnded(_ id: Int32, _ error: RPCError?, holding bytes: Int) {
        onLoop { connection in
            connection.gate.handlerEnded(holding: bytes)
            connection.stream(id)?.handlerEnded(error)
        }
    }
}

/// Makes a connection's streams. On the loop's thread alone.
private final class ServerStreams: HTTP2ConnectionHandler {
    private let connection: ServerConnection
    private let core: ServerCore

    init(_ connection: ServerConnection, _ core: ServerCore) {
        self.connection = connection
        self.core = core
    }

    func makeStream() -> HTTP2Stream { ServerStream(connection, core) }

    func goingAway(_ code: HTTP2ErrorCode, reason: String) {}

    func closed(_ reason: String?) {
        connection.assumeIsolated { $0.closed(reason) }
    }

    func hit(_ limit: RuntimeLimit) {
        core.metrics.hit(limit)
        core.logger.debug(
            "A peer reached a limit",
            [.peer: .init("\(connection.peer)"), .limit: .init(limit.description)])
    }
}
