import EventProtos
import GRPC
import Protobuf

struct HealthCommand: Command {
    static let syntax = CommandSyntax(
        "health", summary: "Shows how the service is; fails unless it is healthy.",
        flags: ClientFlags.all)

    private let client: ClientFlags

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
    }

    func run(_ terminal: Terminal) async throws {
        let health = try await client.withClient {
            try await $0.health(ApusV1.HealthRequest(), options: client.unary)
        }
        terminal.print(client.json ? try health.json() : Self.text(health))
        guard health.status == .healthy else {
            throw CommandFailure("the service is \(Self.word(health.status))")
        }
    }

    private static func text(_ health: ApusV1.HealthResponse) -> String {
        var lines = [
            "\(word(health.status)), version \(health.version),"
                + " up since \(EventText.moment(health.startedAt))"
        ]
        lines += health.components.map { component in
            let latency = component.latency.map { " in \(EventText.scalar($0))" } ?? ""
            let message = component.message.isEmpty ? "" : ": \(component.message)"
            return "  \(component.name) \(word(component.status))\(latency)\(message)"
        }
        if let statistics = health.statistics {
            lines.append(
                "  head \(statistics.headPosition), \(statistics.eventsPublished) published,"
                    + " \(statistics.eventsProcessed) processed, \(statistics.eventsFailed) failed,"
                    + " \(EventText.count(statistics.handlersRegistered, "handler")),"
                    + " \(EventText.count(statistics.subscribers, "subscriber"))")
        }
        return lines.joined(separator: "\n")
    }

    private static func word(_ status: ApusV1.HealthStatus) -> String {
        switch status {
        case .healthy: "healthy"
        case .degraded: "degraded"
        case .unhealthy: "unhealthy"
        case .unspecified, .unrecognized: "in an unknown state"
        }
    }
}
