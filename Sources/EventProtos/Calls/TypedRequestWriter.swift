public import GRPC
public import Protobuf

/// Where a client sends the requests of one call.
public struct TypedRequestWriter<Request: Message>: Sendable {
    private let call: ClientCall

    public init(_ call: ClientCall) { self.call = call }

    /// Waits while the server takes no more.
    ///
    /// - Parameter compressed: False sends this one as it is in a call whose requests are compressed.
    public func send(_ request: Request, compressed: Bool = true) async throws {
        try await call.send(request.encoded(), compressed: compressed)
    }

    /// No more requests; the server may still answer.
    public func finish() async throws {
        try await call.finishSending()
    }
}
