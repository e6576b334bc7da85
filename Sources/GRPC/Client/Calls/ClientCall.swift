/// One call, within ``ClientChannel/withCall(_:options:_:)``.
public struct ClientCall: Sendable {
    private let door: ChannelDoor
    private let id: UInt64

    init(_ door: ChannelDoor, _ id: UInt64) {
        self.door = door
        self.id = id
    }

    /// Queues a message. Waits while more than the channel's `maxUnsentBytes` are queued: the
    /// server's window is full, or its socket is. Does nothing when the server has ended the call
    /// with OK: ``responses`` end then.
    ///
    /// - Parameter compressed: False sends this one as it is in a call whose options compress.
    /// - Throws: ``RPCError``, the call's status when it has failed; `CancellationError`.
    public func send(_ message: [UInt8], compressed: Bool = true) async throws {
        try await door.send(message, compressed: compressed, id)
    }

    /// Tells the server that this was the last message.
    public func finishSending() async throws {
        try await door.finishSending(id)
    }

    public var responses: ResponseSequence { ResponseSequence(door, id) }

    /// What came with the response's headers; waits for them. Empty when there were none.
    public var initialMetadata: Metadata {
        get async throws { try await door.initialMetadata(id) }
    }

    /// Whether the response pulled last, by ``ResponseSequence/next()``, came compressed.
    public var responseWasCompressed: Bool {
        get async { await door.responseWasCompressed(id) }
    }

    /// What came with the status; empty before the responses have ended.
    public var trailingMetadata: Metadata {
        get async { await door.trailingMetadata(id) }
    }
}

/// A call's response messages, for one reader. Pulling one gives its window back to the server. An
/// iterator off the channel's loop takes several at once: what it holds is gone with it.
///
/// Ends when the status is OK; throws ``RPCError`` when it is another one, `CancellationError` when
/// the waiting task is cancelled.
public struct ResponseSequence: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    fileprivate let door: ChannelDoor
    fileprivate let id: UInt64

    init(_ door: ChannelDoor, _ id: UInt64) {
        self.door = door
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
                batch = try await responses.door.nextResponses(responses.id)
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
        try await door.nextResponse(id)
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
