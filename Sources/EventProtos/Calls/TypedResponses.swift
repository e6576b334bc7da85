public import GRPC
public import Protobuf

/// Where a server sends the responses of one call.
public struct TypedResponses<Response: Message>: Sendable {
    private let messages: ResponseMessages

    public init(_ messages: ResponseMessages) { self.messages = messages }

    /// Waits while the peer takes no more.
    public func send(_ response: Response) async throws {
        try await messages.send(response.encoded())
    }
}
