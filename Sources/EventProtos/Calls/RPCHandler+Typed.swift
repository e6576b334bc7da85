public import GRPC
public import Protobuf

// Ties functions over messages to calls over bytes; generated providers list these.
extension RPCHandler {
    public static func unary<Request: Message, Response: Message>(
        _ method: RPCMethod,
        _ body: @escaping @Sendable (Request, ServerCall) async throws -> Response
    ) -> RPCHandler {
        RPCHandler(method) { requests, responses, call in
            let response = try await body(Request(request: await requests.single()), call)
            try await responses.send(response.encoded())
        }
    }

    public static func clientStreaming<Request: Message, Response: Message>(
        _ method: RPCMethod,
        _ body: @escaping @Sendable (TypedRequests<Request>, ServerCall) async throws -> Response
    ) -> RPCHandler {
        RPCHandler(method) { requests, responses, call in
            let response = try await body(TypedRequests(requests), call)
            try await responses.send(response.encoded())
        }
    }

    public static func serverStreaming<Request: Message, Response: Message>(
        _ method: RPCMethod,
        _ body:
            @escaping @Sendable (
                Request, TypedResponses<Response>, ServerCall
            ) async throws -> Void
    ) -> RPCHandler {
        RPCHandler(method) { requests, responses, call in
            try await body(
                Request(request: await requests.single()), TypedResponses(responses), call)
        }
    }

    public static func bidirectionalStreaming<Request: Message, Response: Message>(
        _ method: RPCMethod,
        _ body:
            @escaping @Sendable (
                TypedRequests<Request>, TypedResponses<Response>, ServerCall
            ) async throws -> Void
    ) -> RPCHandler {
        RPCHandler(method) { requests, responses, call in
            try await body(TypedRequests(requests), TypedResponses(responses), call)
        }
    }
}
