public import GRPC
public import Protobuf

/// Where a server sends the responses of one call.
public struct TypedResponses<Response: Message>: Sendable {
    private let messages: ResponseMessages

    public init(_ messages: ResponseMessages) { self.messages = messages }

    /// Waits while the peer takes no more.
    ///
    /// - Parameter compressed: False sends this one as it is in a call whose responses are
    ///   compressed.
    public func send(_ response: Response, compressed: Bool = true) async throws {
        try await messages.send(response.encoded(), compressed: compressed)
    }

    /// Sends a response whose wire bytes are there already, as ``send(_:compressed:)`` would.
    public func send(encoded response: [UInt8], compressed: Bool = true) async throws {
        try await messages.send(response, compressed: compressed)
    }
}
