import EventProtos
import Events
import GRPC
import IO
import Neighbours
import Telemetry

/// An engine that does what a test says, and keeps what it was asked.
struct FakeEngine: McpEngineV2.MCPEngineProvider {
    typealias Request = McpEngineV2.ProcessMessageRequest
    typealias Response = McpEngineV2.ProcessMessageResponse
    typealias Batch = McpEngineV2.BatchProcessMessagesRequest
    typealias BatchResponse = McpEngineV2.BatchProcessMessagesResponse

    let processed = Recorder<Request>()
    let batches = Recorder<Batch>()
    let resets = Recorder<McpEngineV2.ResetConversationRequest>()
    let calls = Recorder<ServerCall>()

    var process: @Sendable (Request) async throws -> Response = { Self.answer($0) }
    var processBatch: @Sendable (Batch) async throws -> BatchResponse = { batch in
        BatchResponse(status: Self.done, responses: batch.messages.map(Self.answer))
    }
    var reset: @Sendable () async throws -> McpEngineV2.ResetConversationResponse = {
        McpEngineV2.ResetConversationResponse(status: Self.done)
    }
    var health: @Sendable () async throws -> McpCommonV2.HealthStatus = { .healthServing }

    static let done = McpCommonV2.Status(success: true)

    static func answer(_ request: Request) -> Response {
        Response(
            status: done, conversationId: request.conversationId,
            response: McpEngineV2.MessageContent(
                type: .text, text: "You said: \(request.content?.text ?? "")"))
    }

    func processMessage(_ request: Request, call: ServerCall) async throws -> Response {
        calls.add(call)
        processed.add(request)
        return try await process(request)
    }

    func batchProcessMessages(_ request: Batch, call: ServerCall) async throws -> BatchResponse {
        calls.add(call)
        batches.add(request)
        return try await processBatch(request)
    }

    func resetConversation(
        _ request: McpEngineV2.ResetConversationRequest, call: ServerCall
    ) async throws -> McpEngineV2.ResetConversationResponse {
        calls.add(call)
        resets.add(request)
        return try await reset()
    }

    func getConversationState(
        _ request: McpEngineV2.GetConversationStateRequest, call: ServerCall
    ) async throws -> McpEngineV2.GetConversationStateResponse {
        McpEngineV2.GetConversationStateResponse(
            status: Self.done,
            conversationState: McpEngineV2.ConversationState(currentState: "open"))
    }

    func streamConversation(
        _ requests: TypedRequests<McpEngineV2.ConversationStreamRequest>,
        _ responses: TypedResponses<McpEngineV2.ConversationStreamResponse>, call: ServerCall
    ) async throws {
        for try await request in requests {
            guard case .message(let message) = request.content else { continue }
            try await responses.send(
                McpEngineV2.ConversationStreamResponse(
                    content: .messageResponse(Self.answer(message))))
        }
    }

    func healthCheck(
        _ request: GoogleProtobuf.Empty, call: ServerCall
    ) async throws -> McpEngineV2.HealthCheckResponse {
        McpEngineV2.HealthCheckResponse(status: try await health())
    }

    func getMetrics(
        _ request: McpEngineV2.GetMetricsRequest, call: ServerCall
    ) async throws -> McpEngineV2.GetMetricsResponse { McpEngineV2.GetMetricsResponse() }
}

/// A hub that does what a test says, and keeps what it was told.
struct FakeHub: SecurityhubV2.SecurityHubProvider {
    typealias Records = SecurityhubV2.RecordAuditEventsRequest
    typealias Response = SecurityhubV2.RecordAuditEventsResponse

    let told = Recorder<Records>()

    var record: @Sendable (Records) async throws -> Response = { request in
        Response(accepted: UInt32(request.events.count))
    }
    var health: @Sendable () async throws -> McpCommonV2.HealthStatus = { .healthServing }

    func recordAuditEvents(_ request: Records, call: ServerCall) async throws -> Response {
        told.add(request)
        return try await record(request)
    }

    func validateToken(
        _ request: SecurityhubV2.ValidateTokenRequest, call: ServerCall
    ) async throws -> SecurityhubV2.ValidateTokenResponse {
        SecurityhubV2.ValidateTokenResponse(valid: request.token == "demo")
    }

    func validateApiKey(
        _ request: SecurityhubV2.ValidateApiKeyRequest, call: ServerCall
    ) async throws -> SecurityhubV2.ValidateApiKeyResponse {
        SecurityhubV2.ValidateApiKeyResponse(valid: request.apiKey == "demo")
    }

    func checkPermission(
        _ request: SecurityhubV2.CheckPermissionRequest, call: ServerCall
    ) async throws -> SecurityhubV2.CheckPermissionResponse {
        SecurityhubV2.CheckPermissionResponse(allowed: request.action == "publish")
    }

    func checkBatchPermissions(
        _ request: SecurityhubV2.CheckBatchPermissionsRequest, call: ServerCall
    ) async throws -> SecurityhubV2.CheckBatchPermissionsResponse {
        SecurityhubV2.CheckBatchPermissionsResponse(
            results: request.checks.map {
                SecurityhubV2.CheckPermissionResponse(allowed: $0.action == "publish")
            })
    }

    func healthCheck(
        _ request: GoogleProtobuf.Empty, call: ServerCall
    ) async throws -> SecurityhubV2.HealthCheckResponse {
        SecurityhubV2.HealthCheckResponse(status: try await health())
    }
}

/// Both neighbours on one server of ours, and clients of them.
struct Neighbourhood: Sendable {
    let engine: MCPEngine
    let hub: SecurityHub
    let metrics: MetricsRegistry

    static func with<Result: Sendable>(
        _ engine: FakeEngine = FakeEngine(), _ hub: FakeHub = FakeHub(),
        deadline: Duration = .seconds(600), _ body: (Neighbourhood) async throws -> Result
    ) async throws -> Result {
        let loops = try IOLoopGroup(count: 1, name: "test")
        defer { loops.stop() }
        let server = RPCServer(services: [engine, hub], loops: loops, logger: .silent)
        let address = try await server.bind(host: "127.0.0.1", port: 0)
        let running = Task { try await server.run() }
        var configuration = NeighbourConfiguration(
            target: ClientTarget(addresses: [address]), deadline: deadline, clientVersion: "1.2.3")
        // A busy machine may take long.
        configuration.connectTimeout = .seconds(600)
        let metrics = MetricsRegistry()
        let neighbourhood = Neighbourhood(
            engine: MCPEngine(configuration, loops: loops, metrics: metrics, logger: .silent),
            hub: SecurityHub(configuration, loops: loops, metrics: metrics, logger: .silent),
            metrics: metrics)
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(neighbourhood))
        } catch {
            result = .failure(error)
        }
        await neighbourhood.engine.close()
        await neighbourhood.hub.close()
        await server.shutdown(grace: .zero)
        try await running.value
        return try result.get()
    }
}
