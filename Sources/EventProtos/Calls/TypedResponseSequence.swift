public import GRPC
public import Protobuf

/// What a server answers to one call, decoded as it is pulled.
///
/// Ends when the call ends with OK, and throws ``RPCError`` when it ends otherwise.
public struct TypedResponseSequence<Response: Message>: AsyncSequence, Sendable {
    private let call: ClientCall

    public init(_ call: ClientCall) { self.call = call }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(messages: call.responses.makeAsyncIterator())
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var messages: ResponseSequence.AsyncIterator

        public mutating func next() async throws -> Response? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Response?
        {
            guard let bytes = try await messages.next(isolation: actor) else { return nil }
            return try Response(response: bytes)
        }
    }
}
