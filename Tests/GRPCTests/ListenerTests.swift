import GRPC
import IO
import Telemetry
import TestCertificates
import Testing

@Suite struct ListenerTests {
    /// Answers with the common name of who calls.
    private static let whoAmI = RPCHandler(
        Test.method("WhoAmI", .unary)
    ) { requests, responses, call in
        _ = try await requests.single()
        try await responses.send(Array((call.peerIdentity?.commonName ?? "nobody").utf8))
    }

    @Test func `plaintext, TLS and a Unix socket lead to the same handlers`() async throws {
        try await TestAuthority.with { authority in
            let path = authority.folder + "/socket"
            try await serving { server in
                let plaintext = try await server.bind(host: "127.0.0.1", port: 0)
                let secure = try await server.bind(
                    host: "127.0.0.1", port: 0, tls: Self.server(authority))
                let local = try await server.bind(unixPath: path)
                return [(plaintext, nil), (secure, try Self.client(authority)), (local, nil)]
            } body: { names in
                #expect(names == ["nobody", "tester", "nobody"])
            }
        }
    }

    @Test func `a Unix socket carries TLS as well`() async throws {
        try await TestAuthority.with { authority in
            let path = authority.folder + "/socket"
            try await serving { server in
                let local = try await server.bind(unixPath: path, tls: Self.server(authority))
                return [(local, try Self.client(authority))]
            } body: { names in
                #expect(names == ["tester"])
            }
        }
    }

    @Test func `an interceptor knows who calls`() async throws {
        struct Doorman: RPCInterceptor {
            func intercept(
                _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
            ) async throws {
                guard call.peerIdentity?.commonName == "tester" else {
                    throw RPCError(.permissionDenied, "not you")
                }
                try await next(call)
            }
        }
        try await TestAuthority.with { authority in
            try await serving(interceptors: [Doorman()]) { server in
                let secure = try await server.bind(
                    host: "127.0.0.1", port: 0, tls: Self.server(authority))
                let plaintext = try await server.bind(host: "127.0.0.1", port: 0)
                return [(secure, try Self.client(authority)), (plaintext, nil)]
            } body: { names in
                #expect(names == ["tester", nil])
            }
        }
    }

    @Test func `a client that never shakes hands is cut off and counted`() async throws {
        try await TestAuthority.with { authority in
            let loops = try IOLoopGroup(count: 1)
            let metrics = MetricsRegistry()
            var configuration = RPCServerConfiguration()
            configuration.handshakeTimeout = .milliseconds(20)
            let server = RPCServer(
                services: [], configuration: configuration, loops: loops, metrics: metrics,
                logger: .silent)
            let address = try await server.bind(
                host: "127.0.0.1", port: 0, tls: Self.server(authority))
            async let running: Void = server.run()
            let silent = SilentClient(to: address, on: loops.next())
            await silent.waitUntilClosed()
            let hits = metrics.counter(
                "apus_grpc_limit_hits_total", help: "", labels: [.init(.limit, "handshake_time")])
            #expect(hits.value == 1)
            await server.shutdown(grace: .zero)
            try await running
            loops.stop()
        }
    }

    @Test func `who gives way to a crowd of handshakes is counted and not blamed`() async throws {
        try await TestAuthority.with { authority in
            let loops = try IOLoopGroup(count: 1)
            let metrics = MetricsRegistry()
            var configuration = RPCServerConfiguration()
            configuration.handshakeTimeout = .seconds(600)
            configuration.maxHandshakesPerLoop = 1
            configuration.limitsLocalPeers = true
            configuration.cutOffBurst = 1
            configuration.cutOffsPerSecond = 0
            let server = RPCServer(
                services: [TestServer.Handlers(rpcHandlers: [Test.echo])],
                configuration: configuration, loops: loops, metrics: metrics, logger: .silent)
            let address = try await server.bind(
                host: "127.0.0.1", port: 0, tls: Self.server(authority))
            async let running: Void = server.run()
            async let gone: Void = SilentClient(to: address, on: loops.next()).waitUntilClosed()
            let opened = metrics.counter("apus_grpc_connections_accepted_total", help: "")
            await until { opened.value == 1 }
            var client = ClientConfiguration()
            client.tls = try Self.client(authority)
            client.connectTimeout = .seconds(600)
            for _ in 0..<2 {
                let channel = ClientChannel(
                    ClientTarget(addresses: [address]), loops: loops, configuration: client)
                let code = await RPCStatusCode.thrown {
                    _ = try await channel.unary(Test.echo.method, [1])
                }
                #expect(code == nil)
                await channel.close()
            }
            await gone
            let hits = metrics.counter(
                "apus_grpc_limit_hits_total", help: "", labels: [.init(.limit, "handshakes")])
            #expect(hits.value == 1)
            await server.shutdown(grace: .zero)
            try await running
            loops.stop()
        }
    }

    private static func server(_ authority: TestAuthority) throws -> TLSContext {
        let identity = authority.issue("server")
        var configuration = TLSConfiguration(
            certificateChain: identity.certificate, privateKey: identity.key)
        configuration.trustRoots = authority.root.certificate
        configuration.clientCertificate = .required
        return try TLSContext(.server, configuration)
    }

    private static func client(_ authority: TestAuthority) throws -> TLSContext {
        let identity = authority.issue("tester")
        var configuration = TLSConfiguration(
            certificateChain: identity.certificate, privateKey: identity.key)
        configuration.trustRoots = authority.root.certificate
        return try TLSContext(.client, configuration)
    }

    /// Serves, and asks who one is over each way in; nil where the call is refused.
    private func serving(
        interceptors: [any RPCInterceptor] = [],
        _ bind: (RPCServer) async throws -> [(SocketAddress, TLSContext?)],
        body: ([String?]) throws -> Void
    ) async throws {
        let loops = try IOLoopGroup(count: 1)
        let server = RPCServer(
            services: [TestServer.Handlers(rpcHandlers: [Self.whoAmI])],
            interceptors: interceptors, loops: loops, logger: .silent)
        let ways = try await bind(server)
        async let running: Void = server.run()
        var names: [String?] = []
        for (address, tls) in ways {
            var configuration = ClientConfiguration()
            configuration.tls = tls
            let channel = ClientChannel(
                ClientTarget(addresses: [address]), loops: loops, configuration: configuration)
            let answer = try? await channel.unary(Self.whoAmI.method, [])
            names.append(answer.map { String(decoding: $0, as: UTF8.self) })
            await channel.close()
        }
        await server.shutdown(grace: .zero)
        try await running
        loops.stop()
        try body(names)
    }
}

/// Connects, and says nothing.
private actor SilentClient {
    private let loop: IOLoop
    private let address: SocketAddress

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(to address: SocketAddress, on loop: IOLoop) {
        self.address = address
        self.loop = loop
    }

    func waitUntilClosed() async {
        await withCheckedContinuation { continuation in
            _ = try? Connector(to: address, on: loop, timeout: .seconds(60)) { [loop, address] in
                guard let fd = try? $0.get() else { return continuation.resume() }
                let connection = Connection(owning: fd, peer: address, loop: loop)
                try? connection.start(Ending { continuation.resume() })
            }
        }
    }

    private final class Ending: ConnectionHandler {
        private let heard: () -> Void
        init(_ heard: @escaping () -> Void) { self.heard = heard }
        func received(_ bytes: Span<UInt8>) {}
        func produce(into output: inout [UInt8], limit: Int) {}
        func closed(_ error: IOError?) { heard() }
    }
}
