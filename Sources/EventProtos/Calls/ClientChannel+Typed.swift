public import GRPC
public import Protobuf

// The four kinds of call over messages; generated clients call these.
extension ClientChannel {
    public func unary<Request: Message, Response: Message>(
        _ method: RPCMethod, _ request: Request, options: CallOptions
    ) async throws -> Response {
        try await Response(response: unary(method, request.encoded(), options: options))
    }

    /// - Parameter send: Sends the requests; the call takes no more when it returns.
    public func clientStreaming<Request: Message, Response: Message>(
        _ method: RPCMethod, options: CallOptions,
        _ send: (TypedRequestWriter<Request>) async throws -> Void
    ) async throws -> Response {
        try await withCall(method, options: options) { call in
            try await send(TypedRequestWriter(call))
            try await call.finishSending()
            return try Response(response: try await call.responses.single())
        }
    }

    /// - Parameter body: Reads the responses; what it leaves unread is cancelled.
    public func serverStreaming<Request: Message, Response: Message, Result: Sendable>(
        _ method: RPCMethod, _ request: Request, options: CallOptions,
        _ body: (TypedResponseSequence<Response>) async throws -> Result
    ) async throws -> Result {
        try await withCall(method, options: options) { call in
            try await call.send(request.encoded())
            try await call.finishSending()
            return try await body(TypedResponseSequence(call))
        }
    }

    /// - Parameter body: Sends, says when it is finished, and reads, in what order it likes.
    public func bidirectionalStreaming<Request: Message, Response: Message, Result: Sendable>(
        _ method: RPCMethod, options: CallOptions,
        _ body: (
            TypedRequestWriter<Request>, TypedResponseSequence<Response>
        ) async throws -> Result
    ) async throws -> Result {
        try await withCall(method, options: options) { call in
            try await body(TypedRequestWriter(call), TypedResponseSequence(call))
        }
    }
}
