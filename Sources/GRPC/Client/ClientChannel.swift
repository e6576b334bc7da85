public import IO
public import Telemetry

/// A way to one server: calls share one HTTP/2 connection, which is made when the first one needs
/// it and again when it was lost.
///
/// Every method throws ``RPCError`` when the call ends with a status other than OK, and
/// `CancellationError` when the caller's task is cancelled, which cancels the call.
public final class ClientChannel: Sendable {
    private let transport: ClientTransport
    private let interceptors: ClientInterceptors?

    public init(
        host: String, port: Int, loops: IOLoopGroup, logger: Logger = .silent,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        transport = ClientTransport(
            host: host, port: port, loop: loops.next(), configuration: configuration,
            logger: logger)
        interceptors = ClientInterceptors(configuration.interceptors)
    }

    /// One message each way.
    public func unary(
        _ method: RPCMethod, _ request: [UInt8], options: CallOptions = CallOptions()
    ) async throws -> [UInt8] {
        guard let interceptors else {
            return try await transport.unary(method, request, options)
        }
        return try await interceptors.around(method, options) { options in
            try await transport.unary(method, request, options)
        }
    }

    /// A call of any kind, for as long as the body runs: what is left of it then is cancelled.
    public func withCall<Result: Sendable>(
        _ method: RPCMethod, options: CallOptions = CallOptions(),
        _ body: (ClientCall) async throws -> Result
    ) async throws -> Result {
        guard let interceptors else { return try await perform(method, options, body) }
        return try await interceptors.around(method, options) { options in
            try await perform(method, options, body)
        }
    }

    private func perform<Result: Sendable>(
        _ method: RPCMethod, _ options: CallOptions, _ body: (ClientCall) async throws -> Result
    ) async throws -> Result {
        let id = await transport.start(method, options)
        do {
            let result = try await body(ClientCall(transport, id))
            await transport.leave(id)
            return result
        } catch {
            await transport.leave(id)
            throw error
        }
    }

    /// Ends every call with UNAVAILABLE and the connection. The channel is of no use after it.
    public func close() async {
        await transport.close()
    }
}

/// One call, within ``ClientChannel/withCall(_:options:_:)``.
public struct ClientCall: Sendable {
    private let transport: ClientTransport
    private let id: UInt64

    init(_ transport: ClientTransport, _ id: UInt64) {
        self.transport = transport
        self.id = id
    }

    /// Queues a message. Waits while more than the channel's `maxUnsentBytes` are queued: the
    /// server's window is full, or its socket is.
    ///
    /// - Parameter compressed: False sends this one as it is in a call whose options compress.
    /// - Throws: ``RPCError``, the call's status when the server has ended it; `CancellationError`.
    public func send(_ message: [UInt8], compressed: Bool = true) async throws {
        try await transport.send(message, compressed: compressed, id)
    }

    /// Tells the server that this was the last message.
    public func finishSending() async throws {
        try await transport.finishSending(id)
    }

    public var responses: ResponseSequence { ResponseSequence(transport, id) }

    /// What came with the response's headers; waits for them. Empty when there were none.
    public var initialMetadata: Metadata {
        get async throws { try await transport.initialMetadata(id) }
    }

    /// Whether the response pulled last, by ``ResponseSequence/next()``, came compressed.
    public var responseWasCompressed: Bool {
        get async { await transport.responseWasCompressed(id) }
    }

    /// What came with the status; empty before the responses have ended.
    public var trailingMetadata: Metadata {
        get async { await transport.trailingMetadata(id) }
    }
}

/// A call's response messages, for one reader. Pulling one gives its window back to the server. An
/// iterator off the channel's loop takes several at once: what it holds is gone with it.
///
/// Ends when the status is OK; throws ``RPCError`` when it is another one, `CancellationError` when
/// the waiting task is cancelled.
public struct ResponseSequence: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    fileprivate let transport: ClientTransport
    fileprivate let id: UInt64

    init(_ transport: ClientTransport, _ id: UInt64) {
        self.transport = transport
        self.id = id
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let responses: ResponseSequence
        /// Fetched in one go, handed out one by one.
        private var batch: [[UInt8]] = []
        private var taken = 0

        fileprivate init(_ responses: ResponseSequence) { self.responses = responses }

        public mutating func next() async throws -> [UInt8]? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> [UInt8]? {
            if taken == batch.count {
                batch = try await responses.transport.nextResponses(responses.id)
                taken = 0
                if batch.isEmpty { return nil }
            }
            defer { taken += 1 }
            return batch[taken]
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// The next message that no iterator has taken; nil at the end.
    public func next() async throws -> [UInt8]? {
        try await transport.nextResponse(id)
    }

    /// The one message of a call that has one, and its status.
    ///
    /// - Throws: ``RPCError``, UNIMPLEMENTED when there is none or more than one.
    public func single() async throws -> [UInt8] {
        guard let message = try await next() else {
            throw RPCError(.unimplemented, "no response message")
        }
        guard try await next() == nil else {
            throw RPCError(.unimplemented, "more than one response message")
        }
        return message
    }
}
