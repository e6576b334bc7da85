public import EventProtos
import GRPC
public import IO
public import Telemetry

/// A client of the Security Hub.
///
/// Every call ends within the neighbour's deadline, is made once, and throws `RPCError`, or
/// `CancellationError` when the caller's task is cancelled. What the hub does not allow is an answer,
/// no error.
public struct SecurityHub: Sendable {
    let channel: NeighbourChannel
    private let client: SecurityhubV2.SecurityHubClient

    public init(
        _ configuration: NeighbourConfiguration, loops: IOLoopGroup, metrics: MetricsRegistry,
        logger: Logger
    ) {
        channel = NeighbourChannel(configuration, loops: loops, metrics: metrics, logger: logger)
        client = SecurityhubV2.SecurityHubClient(channel.channel)
    }

    public func validateToken(
        _ request: SecurityhubV2.ValidateTokenRequest
    ) async throws -> SecurityhubV2.ValidateTokenResponse {
        try await client.validateToken(request, options: channel.options())
    }

    public func validateApiKey(
        _ request: SecurityhubV2.ValidateApiKeyRequest
    ) async throws -> SecurityhubV2.ValidateApiKeyResponse {
        try await client.validateApiKey(request, options: channel.options())
    }

    public func checkPermission(
        _ request: SecurityhubV2.CheckPermissionRequest
    ) async throws -> SecurityhubV2.CheckPermissionResponse {
        try await client.checkPermission(request, options: channel.options())
    }

    public func checkBatchPermissions(
        _ request: SecurityhubV2.CheckBatchPermissionsRequest
    ) async throws -> SecurityhubV2.CheckBatchPermissionsResponse {
        try await client.checkBatchPermissions(request, options: channel.options())
    }

    public func recordAuditEvents(
        _ request: SecurityhubV2.RecordAuditEventsRequest
    ) async throws -> SecurityhubV2.RecordAuditEventsResponse {
        try await client.recordAuditEvents(request, options: channel.options())
    }

    public func healthCheck() async throws -> SecurityhubV2.HealthCheckResponse {
        try await client.healthCheck(
            GoogleProtobuf.Empty(), options: channel.options(atMost: .seconds(5)))
    }

    /// Ends what is under way; the client is of no use after it.
    public func close() async { await channel.channel.close() }
}
