import EventProtos
import GRPC
import InteropSupport

/// `grpc.testing.TestService` as gRPC's `interop-test-descriptions.md` has it.
struct TestService: GrpcTesting.TestServiceProvider {
    func emptyCall(
        _ request: GrpcTesting.Empty, call: ServerCall
    ) async throws -> GrpcTesting.Empty {
        await begin(call, compressing: false)
        return GrpcTesting.Empty()
    }

    func unaryCall(
        _ request: GrpcTesting.SimpleRequest, call: ServerCall
    ) async throws -> GrpcTesting.SimpleResponse {
        try await checkCompression(request.expectCompressed, call)
        await begin(call, compressing: request.responseCompressed?.value)
        try echoStatus(request.responseStatus)
        return GrpcTesting.SimpleResponse(
            payload: try payload(request.responseType, request.responseSize))
    }

    /// Needs a caching proxy, and a client that calls with GET.
    func cacheableUnaryCall(
        _ request: GrpcTesting.SimpleRequest, call: ServerCall
    ) async throws -> GrpcTesting.SimpleResponse {
        throw RPCError(.unimplemented, "there is no cache here")
    }

    func streamingOutputCall(
        _ request: GrpcTesting.StreamingOutputCallRequest,
        _ responses: TypedResponses<GrpcTesting.StreamingOutputCallResponse>, call: ServerCall
    ) async throws {
        await begin(call, compressing: wantsCompression(request))
        try await answer([request], responses)
    }

    func streamingInputCall(
        _ requests: TypedRequests<GrpcTesting.StreamingInputCallRequest>, call: ServerCall
    ) async throws -> GrpcTesting.StreamingInputCallResponse {
        var size = 0
        for try await request in requests {
            try await checkCompression(request.expectCompressed, call)
            size += request.payload?.body.count ?? 0
        }
        await begin(call, compressing: false)
        return GrpcTesting.StreamingInputCallResponse(aggregatedPayloadSize: Int32(clamping: size))
    }

    func fullDuplexCall(
        _ requests: TypedRequests<GrpcTesting.StreamingOutputCallRequest>,
        _ responses: TypedResponses<GrpcTesting.StreamingOutputCallResponse>, call: ServerCall
    ) async throws {
        var isFirst = true
        for try await request in requests {
            if isFirst { await begin(call, compressing: wantsCompression(request)) }
            isFirst = false
            try await answer([request], responses)
        }
    }

    func halfDuplexCall(
        _ requests: TypedRequests<GrpcTesting.StreamingOutputCallRequest>,
        _ responses: TypedResponses<GrpcTesting.StreamingOutputCallResponse>, call: ServerCall
    ) async throws {
        var all: [GrpcTesting.StreamingOutputCallRequest] = []
        for try await request in requests { all.append(request) }
        await begin(call, compressing: all.contains(where: wantsCompression))
        try await answer(all, responses)
    }

    func unimplementedCall(
        _ request: GrpcTesting.Empty, call: ServerCall
    ) async throws -> GrpcTesting.Empty {
        throw RPCError(.unimplemented, "as its name says")
    }

    // MARK: What methods have in common

    /// Before the first response: headers go once.
    private func begin(_ call: ServerCall, compressing: Bool?) async {
        if compressing == true { await call.compressResponses() }
        var (initial, trailing) = (Metadata(), Metadata())
        for value in call.metadata.values(InteropMetadata.echoInitial) {
            initial.append(InteropMetadata.echoInitial, value)
        }
        for value in call.metadata.binary(InteropMetadata.echoTrailing) {
            trailing.appendBinary(InteropMetadata.echoTrailing, value)
        }
        call.setTrailingMetadata(trailing)
        if !initial.isEmpty { await call.sendInitialMetadata(initial) }
    }

    private func answer(
        _ requests: [GrpcTesting.StreamingOutputCallRequest],
        _ responses: TypedResponses<GrpcTesting.StreamingOutputCallResponse>
    ) async throws {
        for request in requests {
            try echoStatus(request.responseStatus)
            for parameters in request.responseParameters {
                if parameters.intervalUs > 0 {
                    try await Task.sleep(for: .microseconds(parameters.intervalUs))
                }
                let response = GrpcTesting.StreamingOutputCallResponse(
                    payload: try payload(request.responseType, parameters.size))
                try await responses.send(response, compressed: parameters.compressed?.value == true)
            }
        }
    }

    private func wantsCompression(_ request: GrpcTesting.StreamingOutputCallRequest) -> Bool {
        request.responseParameters.contains { $0.compressed?.value == true }
    }

    private func echoStatus(_ status: GrpcTesting.EchoStatus?) throws {
        guard let status, status.code != 0 else { return }
        throw RPCError(RPCStatusCode(rawValue: Int(status.code)), status.message)
    }

    private func checkCompression(
        _ expected: GrpcTesting.BoolValue?, _ call: ServerCall
    ) async throws {
        guard let expected, await call.requestWasCompressed != expected.value else { return }
        throw RPCError(
            .invalidArgument, "the request is\(expected.value ? " not" : "") compressed")
    }

    private func payload(
        _ type: GrpcTesting.PayloadType, _ size: Int32
    ) throws -> GrpcTesting.Payload {
        guard type == .compressable, size >= 0 else {
            throw RPCError(.invalidArgument, "no such payload")
        }
        return GrpcTesting.Payload(type: type, body: [UInt8](repeating: 0, count: Int(size)))
    }
}
