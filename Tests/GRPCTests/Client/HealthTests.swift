import GRPC
import IO
import Telemetry
import Testing

/// Calls go only where the server says that it serves (gRFC A17).
@Suite struct HealthTests {
    /// A server's health as its health service tells it: `grpc.health.v1.Health/Watch`.
    private final class Health: Sendable {
        private let state: Lock<(status: UInt8, waiting: [AsyncStream<UInt8>.Continuation])>
        let asked = Lock<[[UInt8]]>([])

        init(_ status: UInt8) { state = Lock((status, [])) }

        func tell(_ status: UInt8) {
            state.withLock { state in
                state.status = status
                for watcher in state.waiting { watcher.yield(status) }
            }
        }

        func end() {
            state.withLock { state in
                for watcher in state.waiting { watcher.finish() }
                state.waiting = []
            }
        }

        private func statuses() -> AsyncStream<UInt8> {
            let (stream, watcher) = AsyncStream<UInt8>.makeStream()
            state.withLock { state in
                watcher.yield(state.status)
                state.waiting.append(watcher)
            }
            return stream
        }

        var handler: RPCHandler {
            let watch = RPCMethod(
                service: "grpc.health.v1.Health", name: "Watch", kind: .serverStreaming)
            return RPCHandler(watch) { [self] requests, responses, _ in
                let request = try await requests.single()
                let statuses = statuses()
                asked.withLock { $0.append(request) }
                for await status in statuses { try await responses.send([0x08, status]) }
                throw RPCError(.unavailable, "the watch ends")
            }
        }
    }

    private static let (serving, notServing): (UInt8, UInt8) = (1, 2)

    private func channel(
        _ nodes: [TestNode], _ loops: IOLoopGroup, service: String = "test.Service"
    ) -> ClientChannel {
        var configuration = ClientConfiguration()
        configuration.firstBackOff = .milliseconds(1)
        configuration.maxBackOff = .milliseconds(5)
        configuration.healthCheckedService = service
        return ClientChannel(
            ClientTarget(addresses: nodes.map(\.address)), loops: loops,
            configuration: configuration)
    }

    private func whoAnswers(_ channel: ClientChannel) async throws -> Set<UInt8> {
        var answers: Set<UInt8> = []
        for _ in 0..<10 { answers.insert(try await channel.unary(Test.who, [])[0]) }
        return answers
    }

    @Test func `a server gets calls while it serves`() async throws {
        let health = [Health(Self.serving), Health(Self.notServing)]
        try await TestNode.with(2) {
            [Test.who($0), health[$0].handler]
        } body: { nodes, loops in
            let channel = channel(nodes, loops)
            let first = try await whoAnswers(channel)
            #expect(first == [0])
            health[1].tell(Self.serving)
            await until { (try? await whoAnswers(channel)) == [0, 1] }
            health[0].tell(Self.notServing)
            await until { (try? await whoAnswers(channel)) == [1] }
            #expect(health[0].asked.withLock { $0 } == [[0x0a, 12] + Array("test.Service".utf8)])
            await channel.close()
        }
    }

    @Test func `when none serves calls fail and say so, but for those that wait`() async throws {
        let health = Health(Self.notServing)
        try await TestNode.with(1) {
            [Test.who($0), health.handler]
        } body: { nodes, loops in
            let channel = channel(nodes, loops)
            let error = await #expect(throws: RPCError.self) {
                try await channel.unary(Test.who, [])
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("test.Service isn't serving") == true)
            async let waiting = channel.unary(
                Test.who, [], options: CallOptions(waitForReady: true))
            await until { await channel.statistics.waitingCalls == 1 }
            health.tell(Self.serving)
            let answer = try await waiting
            #expect(answer == [0])
            await channel.close()
        }
    }

    @Test func `a server without a health service counts as healthy`() async throws {
        try await TestNode.with(1) {
            [Test.who($0)]
        } body: { nodes, loops in
            let channel = channel(nodes, loops)
            let answers = try await whoAnswers(channel)
            #expect(answers == [0])
            await channel.close()
        }
    }

    @Test func `a watch that ends is begun anew`() async throws {
        let health = Health(Self.serving)
        try await TestNode.with(1) {
            [Test.who($0), health.handler]
        } body: { nodes, loops in
            let channel = channel(nodes, loops)
            _ = try await whoAnswers(channel)
            for round in 2...4 {
                health.end()
                await until { health.asked.withLock { $0.count } >= round }
            }
            await until { await channel.state == .ready }
            let answers = try await whoAnswers(channel)
            #expect(answers == [0])
            await channel.close()
        }
    }
}
