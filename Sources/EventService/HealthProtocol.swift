public import EventProtos
public import GRPC

/// `grpc.health.v1.Health`, as balancers and kubelets ask it.
public struct HealthProtocol: GrpcHealthV1.HealthProvider {
    private let services: Set<String>
    private let serving: Serving

    /// - Parameter services: Names that may be asked for; the empty one stands for the server.
    public init(services: [String], serving: Serving) {
        self.services = Set(services).union([""])
        self.serving = serving
    }

    public func check(
        _ request: GrpcHealthV1.HealthCheckRequest, call: ServerCall
    ) async throws -> GrpcHealthV1.HealthCheckResponse {
        guard services.contains(request.service) else {
            throw RPCError(.notFound, "There is no service of that name.")
        }
        return GrpcHealthV1.HealthCheckResponse(status: status)
    }

    public func watch(
        _ request: GrpcHealthV1.HealthCheckRequest,
        _ responses: TypedResponses<GrpcHealthV1.HealthCheckResponse>, call: ServerCall
    ) async throws {
        let isKnown = services.contains(request.service)
        try await responses.send(
            GrpcHealthV1.HealthCheckResponse(status: isKnown ? status : .serviceUnknown))
        await serving.untilStopped()
        try Task.checkCancellation()
        if isKnown {
            try await responses.send(GrpcHealthV1.HealthCheckResponse(status: status))
        }
        // A node that stopped does not come back; its clients watch another one.
        throw RPCError(.unavailable, "This node is stopping.")
    }

    private var status: GrpcHealthV1.HealthCheckResponse.ServingStatus {
        serving.isServing ? .serving : .notServing
    }
}
