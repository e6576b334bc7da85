public import EventProtos
import Events
public import GRPC

extension EventServiceServer {
    public func health(
        _ request: ApusV1.HealthRequest, call: ServerCall
    ) async throws -> ApusV1.HealthResponse {
        let report = await healthReporter.report()
        var response = ApusV1.HealthResponse()
        response.status = ApusV1.HealthStatus(report.status)
        response.version = healthReporter.version
        response.startedAt = GoogleProtobuf.Timestamp(healthReporter.startedAt)
        response.components = report.components.map { component in
            var health = ApusV1.ComponentHealth()
            health.name = component.name
            health.status = ApusV1.HealthStatus(component.status)
            health.message = component.message
            health.latency = component.latency.map(GoogleProtobuf.Duration.init)
            return health
        }
        var statistics = ApusV1.Statistics()
        statistics.eventsPublished = self.statistics.eventsPublished
        statistics.eventsProcessed = handlers.counts.processed
        statistics.eventsFailed = handlers.counts.failed
        statistics.handlersRegistered = UInt64(handlers.registry.entries.count)
        statistics.subscribers = UInt64(subscriptions.count)
        statistics.headPosition = report.head.rawValue
        response.statistics = statistics
        return response
    }
}

extension ApusV1.HealthStatus {
    init(_ status: HealthReporter.Status) {
        switch status {
        case .healthy: self = .healthy
        case .degraded: self = .degraded
        case .unhealthy: self = .unhealthy
        }
    }
}
