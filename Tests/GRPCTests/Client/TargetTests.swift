import GRPC
import IO
import Telemetry
import TestCertificates
import Testing

/// What a channel says to whom, over what.
@Suite struct TargetTests {
    private static let echo = Test.echo.method

    /// A server that listens in every way, and its loops.
    private func serve(
        _ body: (RPCServer, IOLoopGroup) async throws -> Void
    ) async throws {
        let loops = try IOLoopGroup(count: 1)
        let server = RPCServer(
            services: [TestServer.Handlers(rpcHandlers: Test.all)], loops: loops, logger: .silent)
        let running = Task { try await server.run() }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(server, loops))
        } catch {
            outcome = .failure(error)
        }
        await server.shutdown(grace: .zero)
        _ = await running.result
        loops.stop()
        try outcome.get()
    }

    @Test func `calls go through TLS to a server that proves who it is, and to no other`()
        async throws
    {
        try await TestAuthority.with { authority in
            let identity = authority.issue("server")
            let server = try TLSContext(
                .server,
                TLSConfiguration(
                    certificateChain: identity.certificate, privateKey: identity.key))
            var trusting = TLSConfiguration()
            trusting.trustRoots = authority.root.certificate
            let client = try TLSContext(.client, trusting)
            try await serve { rpc, loops in
                let address = try await rpc.bind(host: "127.0.0.1", port: 0, tls: server)
                var configuration = ClientConfiguration()
                configuration.tls = client
                for name in [nil, "localhost"] {
                    configuration.serverName = name
                    let channel = ClientChannel(
                        host: "127.0.0.1", port: address.port, loops: loops,
                        configuration: configuration)
                    let answer = try await channel.unary(Self.echo, [1, 2])
                    #expect(answer == [1, 2])
                    await channel.close()
                }
                configuration.serverName = "elsewhere.example"
                let channel = ClientChannel(
                    host: "127.0.0.1", port: address.port, loops: loops,
                    configuration: configuration)
                let error = await #expect(throws: RPCError.self) {
                    try await channel.unary(Self.echo, [1, 2])
                }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("\(address)") == true)
                await channel.close()
            }
        }
    }

    @Test func `calls go through a Unix socket`() async throws {
        try await TestAuthority.with { folder in
            try await serve { rpc, loops in
                let path = folder.folder + "/socket"
                try await rpc.bind(unixPath: path)
                let target = try #require(ClientTarget("unix:\(path)"))
                let channel = ClientChannel(target, loops: loops)
                let answer = try await channel.unary(Self.echo, [1, 2])
                #expect(answer == [1, 2])
                await channel.close()
            }
        }
    }
}
