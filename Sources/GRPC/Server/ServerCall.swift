public import IO
public import Telemetry

/// What a handler knows of its call, and can tell the client besides messages.
public struct ServerCall: Sendable {
    let shared: Shared

    /// One object, so that passing the call around costs one reference.
    final class Shared: Sendable {
        let connection: ServerConnection
        let stream: BoundStream
        let route: Route
        let metadata: Metadata
        let deadline: MonotonicTime?
        let peerIdentity: PeerIdentity?

        init(
            _ connection: ServerConnection, _ stream: BoundStream, _ route: Route,
            _ metadata: Metadata, _ deadline: MonotonicTime?,
            _ peerIdentity: PeerIdentity?
        ) {
            self.connection = connection
            self.stream = stream
            self.route = route
            self.metadata = metadata
            self.deadline = deadline
            self.peerIdentity = peerIdentity
        }
    }

    init(
        connection: ServerConnection, stream: BoundStream, route: Route, metadata: Metadata,
        deadline: MonotonicTime?, peerIdentity: PeerIdentity?
    ) {
        shared = Shared(connection, stream, route, metadata, deadline, peerIdentity)
    }

    /// The same call with other metadata of the request.
    func with(_ metadata: Metadata) -> ServerCall {
        ServerCall(
            connection: shared.connection, stream: shared.stream, route: shared.route,
            metadata: metadata, deadline: shared.deadline, peerIdentity: shared.peerIdentity)
    }

    public var method: RPCMethod { shared.route.handler.method }
    /// What the client sent, without HTTP's and gRPC's own fields.
    public var metadata: Metadata { shared.metadata }
    public var peer: SocketAddress { shared.connection.peer }
    /// The peer's numeric address, without its port.
    public var peerHost: String { shared.connection.peerHost }
    /// Who the peer proved to be; nil in plaintext, and when it showed no certificate.
    public var peerIdentity: PeerIdentity? { shared.peerIdentity }
    /// Whether the peer is on this machine.
    public var isFromLoopback: Bool { peer.isLoopback }
    /// When the client gives up. The call's task is cancelled then.
    public var deadline: MonotonicTime? { shared.deadline }
    /// The loop that the call runs on.
    public var loop: IOLoop { shared.connection.loop }

    /// Sends the response's headers now, with this metadata. Later calls do nothing: headers go
    /// once, at the latest with the first message.
    public func sendInitialMetadata(_ metadata: Metadata) async {
        await shared.connection.setInitialMetadata(metadata, now: true, shared.stream)
    }

    /// Adds to what goes with the status.
    public func setTrailingMetadata(_ metadata: Metadata) {
        let stream = shared.stream
        stream.loop.onLoop { stream.value.setTrailingMetadata(metadata) }
    }

    /// Compresses the responses, if the client takes any encoding that we know. To be called before
    /// the first of them, and before the headers are sent; later it does nothing.
    public func compressResponses() async {
        await shared.connection.compressResponses(shared.stream)
    }

    /// Whether the request that was pulled last came compressed.
    public var requestWasCompressed: Bool {
        get async { await shared.connection.requestWasCompressed(shared.stream) }
    }

    /// The handler is through.
    func ended(_ failure: RPCError?, holding bytes: Int) {
        let stream = shared.stream
        if stream.loop.isOnLoop {
            stream.value.handlerEnded(failure, holding: bytes)
        } else {
            stream.loop.execute { stream.value.handlerEnded(failure, holding: bytes) }
        }
    }

    var requests: RequestMessages { RequestMessages(shared) }
    var responses: ResponseMessages { ResponseMessages(shared) }
}

/// A call's request messages, for one reader. Pulling one gives its window back to the client, so a
/// handler that doesn't pull holds the client back.
///
/// Ends when the client ends its side. Throws ``RPCError`` when the call is given up (reset by the
/// client, past its deadline), `CancellationError` when the waiting task is cancelled on its own.
public struct RequestMessages: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    private let call: ServerCall.Shared

    init(_ call: ServerCall.Shared) { self.call = call }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let messages: RequestMessages

        public mutating func next() async throws -> [UInt8]? {
            try await messages.next()
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> [UInt8]? {
            try await messages.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(messages: self) }

    /// The next message; nil at the end. Iterators share the same messages.
    public func next() async throws -> [UInt8]? {
        try await call.connection.nextRequest(call.stream)
    }

    /// The message of a unary or server-streaming call; the server has checked that it is the one.
    ///
    /// - Throws: ``RPCError``, `CancellationError`.
    public func single() async throws -> [UInt8] {
        // It is here already unless it is compressed, or the handler has left its loop.
        if call.stream.loop.isOnLoop, case .message(let message) = call.stream.value.pull() {
            return message
        }
        guard let message = try await next() else {
            throw RPCError(.internalError, "no request message")
        }
        return message
    }
}

/// Where a handler sends its responses.
public struct ResponseMessages: Sendable {
    private let call: ServerCall.Shared

    init(_ call: ServerCall.Shared) { self.call = call }

    /// Queues a message, after the headers if they aren't sent yet. Waits while more than the
    /// server's `maxUnsentBytes` are queued: the client's window is full, or its socket is.
    ///
    /// - Parameter compressed: False sends this one as it is in a call whose responses are
    ///   compressed: see ``ServerCall/compressResponses()``.
    /// - Throws: ``RPCError`` when the call is given up, `CancellationError` when the waiting task
    ///   is cancelled on its own.
    public func send(_ message: [UInt8], compressed: Bool = true) async throws {
        try await call.connection.send(message, compressed: compressed, call.stream)
    }
}
