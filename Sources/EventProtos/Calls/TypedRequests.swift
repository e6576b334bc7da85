public import GRPC
public import Protobuf

/// The requests of one call, decoded as they are pulled.
///
/// Ends when the peer has sent its last. A request that does not decode throws INVALID_ARGUMENT with a
/// `google.rpc.BadRequest` that names the field.
public struct TypedRequests<Request: Message>: AsyncSequence, Sendable {
    private let messages: RequestMessages

    public init(_ messages: RequestMessages) { self.messages = messages }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(messages: messages.makeAsyncIterator())
    }

    /// The same requests, for a call that goes on after one that does not decode.
    public var attempts: AsyncMapSequence<RequestMessages, Result<Request, DecodingError>> {
        messages.map { bytes in
            do throws(DecodingError) {
                return .success(
                    try Request(decoding: bytes, limits: .request(bytes: bytes.count)))
            } catch {
                return .failure(error)
            }
        }
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var messages: RequestMessages.AsyncIterator

        public mutating func next() async throws -> Request? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Request? {
            guard let bytes = try await messages.next(isolation: actor) else { return nil }
            return try Request(request: bytes)
        }
    }
}
