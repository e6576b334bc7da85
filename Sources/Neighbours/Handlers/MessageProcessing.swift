import EventProtos
import GRPC
import Telemetry

/// Has the engine process messages: one alone by ProcessMessage, several that are due for one tenant
/// by BatchProcessMessages, never two of one conversation in one batch.
struct MessageProcessing: Sendable {
    typealias Request = McpEngineV2.ProcessMessageRequest
    typealias Response = McpEngineV2.ProcessMessageResponse
    private typealias Outcome = Result<Response, any Error>

    private let engine: MCPEngine
    private let gathering: Gathering<Request, Response>

    init(_ engine: MCPEngine, metrics: MetricsRegistry) {
        self.engine = engine
        gathering = Gathering(.mcpEngine, limits: GatheringState.Limits(), metrics: metrics)
    }

    /// Messages that wait for a call that others make, or for their turn.
    var waiting: Int { gathering.waiting }

    /// - Throws: `HandlerError`, `CancellationError`.
    func process(
        _ request: Request, tenant: String, bytes: Int, traceparent: String
    ) async throws -> Response {
        try await gathering.answer(
            to: request, group: tenant, lane: request.conversationId, bytes: bytes
        ) { requests in
            guard requests.count > 1 else {
                return [try await alone(request, traceparent).forHandler]
            }
            return try await together(requests, tenant: tenant)
        }
    }

    private func alone(
        _ request: Request, _ traceparent: String = ""
    ) async throws -> Result<Response, NeighbourFailure> {
        let call = NeighbourCall(neighbour: .mcpEngine, method: "ProcessMessage")
        return try await call.outcome {
            try await engine.processMessage(request, traceparent: traceparent)
        } status: {
            NeighbourFailure($0.status, from: .mcpEngine, method: call.method)
        }
    }

    /// A batch that fails for good is made again message by message: one that the engine does not
    /// take must not make dead letters of the others. The engine knows them by their request ids.
    private func together(_ requests: [Request], tenant: String) async throws -> [Outcome] {
        let call = NeighbourCall(neighbour: .mcpEngine, method: "BatchProcessMessages")
        let answer = try await call.outcome {
            try await engine.batchProcessMessages(Self.batch(of: requests, tenant: tenant))
        } status: { answer in
            // With answers to the messages, each of them says how it went.
            answer.responses.isEmpty
                ? NeighbourFailure(answer.status, from: .mcpEngine, method: call.method) : nil
        }
        var outcomes: [Outcome?]
        switch answer {
        case .failure(let failure) where failure.consequence != .giveUp:
            return requests.map { _ in .failure(failure.handlerError) }
        case .failure:
            outcomes = requests.map { _ in nil }
        case .success(let batch):
            outcomes = Self.matched(batch.responses, to: requests).map { response in
                response.map { Self.judged($0, call.method) }
            }
        }
        let open = requests.indices.filter { outcomes[$0] == nil }
        let rest = try await NeighbourCall.eachAlone(open.map { requests[$0] }) {
            try await alone($0).forHandler
        }
        for (index, outcome) in zip(open, rest) { outcomes[index] = outcome }
        return outcomes.compactMap(\.self)
    }

    private static func judged(_ response: Response, _ method: String) -> Outcome {
        NeighbourFailure(response.status, from: .mcpEngine, method: method)
            .map { .failure($0.handlerError) } ?? .success(response)
    }

    static func batch(
        of requests: [Request], tenant: String
    ) -> McpEngineV2.BatchProcessMessagesRequest {
        var metadata = McpCommonV2.Metadata()
        let first = requests.first?.metadata
        metadata.requestId = "\(first?.requestId ?? "")+\(requests.count - 1)"
        metadata.timestamp = first?.timestamp
        return McpEngineV2.BatchProcessMessagesRequest(
            tenantContext: McpCommonV2.TenantContext(tenantId: tenant), messages: requests,
            parallelProcessing: true, maxConcurrency: Int32(requests.count), metadata: metadata)
    }

    /// The answer to each request; nil where there is none.
    ///
    /// No two requests are of one conversation, so the conversation tells. Answers that name none are
    /// believed to be in order when there are as many as requests.
    static func matched(_ responses: [Response], to requests: [Request]) -> [Response?] {
        let isInOrder =
            responses.count == requests.count
            && zip(responses, requests).allSatisfy {
                $0.conversationId.isEmpty || $0.conversationId == $1.conversationId
            }
        if isInOrder { return responses }
        var named: [String: Response] = [:]
        for response in responses { named[response.conversationId] = response }
        return requests.map { named[$0.conversationId] }
    }
}
