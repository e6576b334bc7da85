import EventProtos
import GRPC
import IO
import Telemetry
import Testing

@testable import Neighbours

/// How the neighbours are called.
@Suite struct ClientTests {
    @Test func `every call says who calls, until when, and in which trace`() async throws {
        let fake = FakeEngine()
        try await Neighbourhood.with(fake) { neighbours in
            _ = try await neighbours.engine.processMessage(
                FakeEngine.Request(conversationId: "1"), traceparent: "00-a-b-01")
        }
        let call = try #require(fake.calls.all.first)
        #expect(call.metadata.first("client-name") == "apus")
        #expect(call.metadata.first("client-version") == "1.2.3")
        #expect(call.metadata.first("traceparent") == "00-a-b-01")
        let deadline = try #require(call.deadline)
        #expect(deadline < .now + .seconds(600))
    }

    @Test func `a call that takes too long ends with its deadline`() async throws {
        let gate = Gate()
        var fake = FakeEngine()
        fake.process = { request in
            await gate.pass()
            return FakeEngine.answer(request)
        }
        try await Neighbourhood.with(fake, deadline: .milliseconds(50)) { neighbours in
            let error = await #expect(throws: RPCError.self) {
                try await neighbours.engine.processMessage(FakeEngine.Request())
            }
            #expect(error?.code == .deadlineExceeded)
        }
        gate.open()
    }

    @Test func `a call that fails is not made again`() async throws {
        var fake = FakeEngine()
        fake.process = { _ in throw RPCError(.unavailable, "not now") }
        try await Neighbourhood.with(fake) { [fake] neighbours in
            let error = await #expect(throws: RPCError.self) {
                try await neighbours.engine.processMessage(FakeEngine.Request())
            }
            #expect(error?.code == .unavailable)
            #expect(fake.processed.all.count == 1)
        }
    }

    @Test func `a neighbour that is away holds nobody up`() async throws {
        let loops = try IOLoopGroup(count: 1, name: "test")
        defer { loops.stop() }
        // Nobody listens on a Unix socket that was never made.
        let configuration = NeighbourConfiguration(
            target: ClientTarget(addresses: [.unix(path: "/nonexistent/engine.sock")]),
            deadline: .seconds(60), clientVersion: "1")
        let engine = MCPEngine(
            configuration, loops: loops, metrics: MetricsRegistry(), logger: .silent)
        let error = await #expect(throws: RPCError.self) {
            try await engine.processMessage(FakeEngine.Request())
        }
        #expect(error?.code == .unavailable)
        await engine.close()
    }

    @Test func `keep-alive is as the platform asks`() {
        let configuration = NeighbourConfiguration(
            target: ClientTarget(host: "localhost", port: 1), clientVersion: "1")
        let channel = configuration.channel([])
        #expect(channel.keepAlive?.interval == .seconds(30))
        #expect(channel.keepAlive?.timeout == .seconds(5))
        #expect(channel.retryPolicies.isEmpty)
    }

    @Test func `every call of the engine reaches it`() async throws {
        try await Neighbourhood.with { neighbours in
            let engine = neighbours.engine
            let state = try await engine.getConversationState(
                McpEngineV2.GetConversationStateRequest(conversationId: "1"))
            #expect(state.conversationState?.currentState == "open")
            let answers = try await engine.streamConversation { requests, responses in
                try await requests.send(
                    McpEngineV2.ConversationStreamRequest(
                        content: .message(
                            FakeEngine.Request(
                                content: McpEngineV2.MessageContent(text: "Hello")))))
                try await requests.finish()
                var answers: [McpEngineV2.ConversationStreamResponse] = []
                for try await answer in responses { answers.append(answer) }
                return answers
            }
            guard case .messageResponse(let answer) = answers.first?.content else {
                Issue.record("no answer but \(answers)")
                return
            }
            #expect(answer.response?.text == "You said: Hello")
            _ = try await engine.getMetrics()
            let health = try await engine.healthCheck()
            #expect(health.status == .healthServing)
        }
    }

    @Test func `every call of the hub reaches it`() async throws {
        try await Neighbourhood.with { neighbours in
            let hub = neighbours.hub
            let token = try await hub.validateToken(
                SecurityhubV2.ValidateTokenRequest(token: "demo"))
            let key = try await hub.validateApiKey(
                SecurityhubV2.ValidateApiKeyRequest(apiKey: "other"))
            #expect(token.valid && !key.valid)
            let check = SecurityhubV2.CheckPermissionRequest(action: "publish")
            let permission = try await hub.checkPermission(check)
            let permissions = try await hub.checkBatchPermissions(
                SecurityhubV2.CheckBatchPermissionsRequest(checks: [
                    check, SecurityhubV2.CheckPermissionRequest(action: "drop"),
                ]))
            #expect(permission.allowed)
            #expect(permissions.results.map(\.allowed) == [true, false])
            let health = try await hub.healthCheck()
            #expect(health.status == .healthServing)
        }
    }
}
