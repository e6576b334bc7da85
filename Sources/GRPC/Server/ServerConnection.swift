import HTTP2
import IO
import Telemetry

/// One client's connection, pinned to a loop: the door through which handlers reach their streams.
actor ServerConnection {
    nonisolated let loop: IOLoop
    nonisolated let peer: SocketAddress
    /// As text, which every call may ask for.
    nonisolated let peerHost: String
    private let tls: TLSContext?
    nonisolated let gate: CallGate
    private let core: ServerCore
    private var http2: HTTP2Connection?
    private var nextToken: UInt64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: IOLoop, peer: SocketAddress, tls: TLSContext?, core: ServerCore) {
        self.loop = loop
        self.peer = peer
        peerHost = peer.host
        self.tls = tls
        self.core = core
        gate = CallGate(core)
    }

    /// Takes over an accepted descriptor.
    func start(_ fd: Int32) {
        let connection = Connection(
            owning: fd, peer: peer, loop: loop, tls: tls,
            handshakeTimeout: core.configuration.handshakeTimeout,
            maxHandshakes: core.configuration.maxHandshakesPerLoop)
        do {
            http2 = try HTTP2Connection(
                .server, on: connection, configuration: core.http2,
                handler: ServerStreams(self, connection, core), books: gate.books)
            core.logger.debug("Connection opened", [.peer: "\(peer)"])
        } catch {
            core.logger.warning(
                "Can't start a connection", [.peer: "\(peer)", .error: .init("\(error)")])
            connection.close()
            core.connectionClosed(self)
        }
    }

    /// Lets open calls end, takes no new ones, then closes.
    func drain() {
        http2?.drain()
    }

    /// Ends what is left: each call with UNAVAILABLE, then the connection.
    func terminate(_ reason: String = "the server is shutting down") {
        guard let session = http2?.session else { return }
        let refusal = core.refusal(.unavailable, reason)
        session.forEachStream { ($0 as? ServerStream)?.fail(refusal) }
        http2?.finish()
    }

    func closed(_ reason: String?) {
        http2 = nil
        core.logger.debug("Connection closed", [.peer: "\(peer)", .reason: "\(reason ?? "end")"])
        core.connectionClosed(self)
    }

    // MARK: For a call's handler

    // A call's task runs on the loop already: what need not wait is done on the spot, without the
    // hops onto the actor and back. Code that left the loop takes the longer way.

    nonisolated func nextRequest(_ stream: BoundStream) async throws -> [UInt8]? {
        switch loop.isOnLoop ? stream.value.pull() : .wait {
        case .message(let message): message
        case .end: nil
        case .fail(let error): throw error
        case .wait: try await wait(stream) { $0.park(reader: $1) }
        }
    }

    nonisolated func send(
        _ message: [UInt8], compressed: Bool, _ stream: BoundStream
    ) async throws {
        let mustWait =
            loop.isOnLoop
            ? try stream.value.queue(message, compressed: compressed)
            : try await queue(message, compressed, stream)
        if mustWait { try await wait(stream) { $0.park(sender: $1) } }
    }

    private func queue(
        _ message: [UInt8], _ compressed: Bool, _ stream: BoundStream
    ) throws(RPCError) -> Bool {
        try stream.value.queue(message, compressed: compressed)
    }

    /// Suspends the task until its waiter is resumed, or the task is cancelled.
    private func wait<Value>(
        _ stream: BoundStream, park: @Sendable (ServerStream, Waiter<Value>) -> Void
    ) async throws -> Value {
        nextToken += 1
        let token = nextToken
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                // Up to here the loop may have turned: the state is looked at anew, in one go with
                // parking. A cancellation from elsewhere reaches the loop after that.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    park(stream.value, Waiter(token: token, continuation: continuation))
                }
            }
        } onCancel: {
            loop.onLoop { stream.value.cancelWaiter(token) }
        }
    }

    /// Now when on the loop, else soon.
    nonisolated func onLoop(_ action: @escaping @Sendable (isolated ServerConnection) -> Void) {
        loop.onLoop { self.assumeIsolated(action) }
    }

    func setInitialMetadata(_ metadata: Metadata, now: Bool, _ stream: BoundStream) {
        stream.value.setInitialMetadata(metadata, now: now)
    }

    func compressResponses(_ stream: BoundStream) {
        stream.value.compressResponses()
    }

    func requestWasCompressed(_ stream: BoundStream) -> Bool {
        stream.value.requestWasCompressed
    }
}

/// A call's stream, as its handler holds it.
typealias BoundStream = LoopBound<ServerStream>

/// Makes a connection's streams. On the loop's thread alone.
private final class ServerStreams: HTTP2ConnectionHandler {
    private let connection: ServerConnection
    private let bytes: Connection
    private let core: ServerCore

    init(_ connection: ServerConnection, _ bytes: Connection, _ core: ServerCore) {
        self.connection = connection
        self.bytes = bytes
        self.core = core
    }

    func makeStream() -> HTTP2Stream { ServerStream(connection, core, bytes.peerIdentity) }

    func goingAway(_ code: HTTP2ErrorCode, reason: String) {}

    func closed(_ reason: String?) {
        connection.assumeIsolated { $0.closed(reason) }
    }

    func timeIsUp() {
        connection.assumeIsolated { $0.terminate("the connection is too old") }
    }

    func cutOff() {
        core.connectionCutOff(connection)
    }

    func hit(_ limit: RuntimeLimit) {
        core.metrics.hit(limit)
        core.logger.debug(
            "A peer reached a limit",
            [.peer: .init("\(connection.peer)"), .limit: .init(limit.description)])
    }
}
