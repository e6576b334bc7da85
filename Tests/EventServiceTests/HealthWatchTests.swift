import EventProtos
import EventService
import GRPC
import IO
import Telemetry
import Testing

/// Our own clients watch our own health service.
@Suite struct HealthWatchTests {
    private struct Who: RPCService {
        static let method = RPCMethod(service: "test.Service", name: "Who", kind: .unary)
        let number: UInt8

        var rpcHandlers: [RPCHandler] {
            [
                RPCHandler(Self.method) { [number] requests, responses, _ in
                    _ = try await requests.single()
                    try await responses.send([number])
                }
            ]
        }
    }

    @Test func `a node that stops serving gets no calls, before it goes away`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let nodes = [Serving(), Serving()]
        var servers: [RPCServer] = []
        var addresses: [SocketAddress] = []
        for (number, serving) in nodes.enumerated() {
            let health = HealthProtocol(services: ["test.Service"], serving: serving)
            let server = RPCServer(
                services: [health, Who(number: UInt8(number))], loops: loops, logger: .silent)
            addresses.append(try await server.bind(host: "127.0.0.1", port: 0))
            servers.append(server)
        }
        let running = servers.map { server in Task { try await server.run() } }

        var configuration = ClientConfiguration()
        configuration.healthCheckedService = "test.Service"
        let channel = ClientChannel(
            ClientTarget(addresses: addresses), loops: loops, configuration: configuration)
        while try await answering(channel) != [0, 1] {}
        nodes[0].stop()
        while try await answering(channel) != [1] {}
        let after = try await answering(channel)
        #expect(after == [1])
        #expect(await channel.statistics.connected == 2, "it is still connected to both")

        await channel.close()
        for server in servers { await server.shutdown(grace: .zero) }
        for task in running { try await task.value }
        loops.stop()
    }

    /// Who answers the next few calls.
    private func answering(_ channel: ClientChannel) async throws -> Set<UInt8> {
        var answers: Set<UInt8> = []
        for _ in 0..<6 { answers.insert(try await channel.unary(Who.method, [])[0]) }
        return answers
    }
}
