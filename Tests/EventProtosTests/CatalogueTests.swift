import EventProtos
import GRPC
import Protobuf
import Testing

@Suite struct CatalogueTests {
    private static let domain = [
        "analytics.conversation", "analytics.user_behavior", "autopilot.action_executed",
        "autopilot.triggered", "chat.conversation.context_updated", "chat.conversation.ended",
        "chat.conversation.started", "chat.message.delivered", "chat.message.received",
        "chat.message.sent", "chat.user.session_ended", "chat.user.session_started",
        "inventory.stock_adjusted", "inventory.stock_received", "lead.converted",
        "lead.created", "message.sent", "order.cancelled", "order.created", "order.delivered",
        "order.paid", "order.refunded", "order.returned", "order.shipped",
        "order.status_changed", "payment.processed", "sequence.step_executed",
    ]
    private static let integration = ["integration.api_call", "integration.webhook.received"]
    private static let system = ["system.audit_head", "system.error", "system.health_check"]

    @Test func `the catalogue holds every type that was asked for, in version 1`() {
        let payloads = EventCatalogue.payloads
        #expect(payloads.map(\.type) == (Self.domain + Self.integration + Self.system).sorted())
        #expect(payloads.allSatisfy { $0.version == 1 })
        #expect(payloads.filter { $0.kind == .domain }.map(\.type) == Self.domain)
        #expect(payloads.filter { $0.kind == .integration }.map(\.type) == Self.integration)
        #expect(payloads.filter { $0.kind == .system }.map(\.type) == Self.system)
    }

    @Test func `the neighbours' schemas are generated and not shown`() {
        for name in ["mcp.engine.v2.MCPEngine", "securityhub.v2.SecurityHub"] {
            #expect(EventCatalogue.pool.service(name) == nil, "\(name)")
        }
        for path in ["mcp/common/v2/common.proto", "securityhub/v2/audit.proto"] {
            #expect(EventCatalogue.pool.file(path) == nil, "\(path)")
        }
        #expect(McpEngineV2.MessageContent.descriptor.fullName == "mcp.engine.v2.MessageContent")
        #expect(
            McpEngineV2.MCPEngineMethods.batchProcessMessages.path
                == "/mcp.engine.v2.MCPEngine/BatchProcessMessages")
        #expect(
            SecurityhubV2.SecurityHubMethods.recordAuditEvents.path
                == "/securityhub.v2.SecurityHub/RecordAuditEvents")
    }

    @Test func `a message without the option is no payload`() {
        #expect(EventPayload(ApusV1.Event.descriptor) == nil)
        #expect(EventPayload(ApusEventsOrderV1.Order.descriptor) == nil)
    }

    @Test func `the pool serves the API, health and reflection`() {
        for name in [
            "apus.v1.EventService", "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        ] {
            #expect(EventCatalogue.pool.service(name) != nil, "\(name)")
        }
        #expect(ApusV1.EventServiceMethods.listReplays.path == "/apus.v1.EventService/ListReplays")
    }
}
