public import EventProtos
import GRPC
public import IO
public import Telemetry

/// A client of the MCP Engine.
///
/// Every call ends within the neighbour's deadline, is made once, and throws `RPCError`, or
/// `CancellationError` when the caller's task is cancelled.
public struct MCPEngine: Sendable {
    let channel: NeighbourChannel
    private let client: McpEngineV2.MCPEngineClient

    public init(
        _ configuration: NeighbourConfiguration, loops: IOLoopGroup, metrics: MetricsRegistry,
        logger: Logger
    ) {
        channel = NeighbourChannel(configuration, loops: loops, metrics: metrics, logger: logger)
        client = McpEngineV2.MCPEngineClient(channel.channel)
    }

    /// - Parameter traceparent: Of the event that led to the call; empty: none. The same below.
    public func processMessage(
        _ request: McpEngineV2.ProcessMessageRequest, traceparent: String = ""
    ) async throws -> McpEngineV2.ProcessMessageResponse {
        try await client.processMessage(
            request, options: channel.options(traceparent: traceparent))
    }

    public func batchProcessMessages(
        _ request: McpEngineV2.BatchProcessMessagesRequest
    ) async throws -> McpEngineV2.BatchProcessMessagesResponse {
        try await client.batchProcessMessages(request, options: channel.options())
    }

    public func getConversationState(
        _ request: McpEngineV2.GetConversationStateRequest, traceparent: String = ""
    ) async throws -> McpEngineV2.GetConversationStateResponse {
        try await client.getConversationState(
            request, options: channel.options(traceparent: traceparent))
    }

    public func resetConversation(
        _ request: McpEngineV2.ResetConversationRequest, traceparent: String = ""
    ) async throws -> McpEngineV2.ResetConversationResponse {
        try await client.resetConversation(
            request, options: channel.options(traceparent: traceparent))
    }

    /// A conversation for as long as the body runs, within the deadline.
    public func streamConversation<Result: Sendable>(
        _ body: (
            TypedRequestWriter<McpEngineV2.ConversationStreamRequest>,
            TypedResponseSequence<McpEngineV2.ConversationStreamResponse>
        ) async throws -> Result
    ) async throws -> Result {
        try await client.streamConversation(options: channel.options(), body)
    }

    public func healthCheck() async throws -> McpEngineV2.HealthCheckResponse {
        try await client.healthCheck(
            GoogleProtobuf.Empty(), options: channel.options(atMost: .seconds(5)))
    }

    public func getMetrics() async throws -> McpEngineV2.GetMetricsResponse {
        try await client.getMetrics(McpEngineV2.GetMetricsRequest(), options: channel.options())
    }

    /// Ends what is under way; the client is of no use after it.
    public func close() async { await channel.channel.close() }
}
