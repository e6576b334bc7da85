import GRPC
import IO
import Telemetry
import Testing

/// Servers that are there and don't answer.
@Suite struct KeepAliveTests {
    private func configuration(interval: Duration, timeout: Duration) -> ClientConfiguration {
        var configuration = ClientConfiguration()
        configuration.firstBackOff = .milliseconds(1)
        configuration.keepAlive?.interval = interval
        configuration.keepAlive?.timeout = timeout
        return configuration
    }

    private func channel(
        _ address: SocketAddress, _ loops: IOLoopGroup, _ configuration: ClientConfiguration,
        logger: Logger = .silent
    ) -> ClientChannel {
        ClientChannel(
            ClientTarget(addresses: [address]), loops: loops, logger: logger,
            configuration: configuration)
    }

    @Test func `a server that answers no ping is given up, and its calls say so`() async throws {
        let loops = try IOLoopGroup(count: 1)
        var options = RawServer.Options()
        options.answersPings = false
        try await RawServer.with(loops, options: options) { request in
            request.connection == 0 ? [] : [.echo]
        } body: { server, address in
            let channel = channel(
                address, loops,
                configuration(interval: .milliseconds(5), timeout: .milliseconds(5)))
            let error = await #expect(throws: RPCError.self) {
                try await channel.unary(Test.echo.method, [1])
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("ping") == true)
            #expect(await channel.statistics.pings == 1)
            await until { server.connections.value >= 2 }
            await channel.close()
        }
        loops.stop()
    }

    @Test func `a call that may run twice survives a server that died in silence`() async throws {
        let loops = try IOLoopGroup(count: 1)
        var options = RawServer.Options()
        options.answersPings = false
        try await RawServer.with(loops, options: options) { request in
            request.connection == 0 ? [] : [.echo]
        } body: { server, address in
            let channel = channel(
                address, loops,
                configuration(interval: .milliseconds(5), timeout: .milliseconds(5)))
            let options = CallOptions(retry: RetryPolicy(firstBackOff: .milliseconds(1)))
            let answer = try await channel.unary(Test.echo.method, [1], options: options)
            #expect(answer == [1])
            await channel.close()
        }
        loops.stop()
    }

    @Test func `a server that answers pings keeps its calls`() async throws {
        let loops = try IOLoopGroup(count: 1)
        try await RawServer.with(loops) { _ in
            []
        } body: { server, address in
            let channel = channel(
                address, loops, configuration(interval: .milliseconds(2), timeout: .seconds(60)))
            try await channel.withCall(Test.echo.method) { call in
                try await call.finishSending()
                await until { server.pings.value >= 5 }
            }
            #expect(await channel.statistics.connected == 1)
            await channel.close()
        }
        loops.stop()
    }

    @Test func `a server that finds pings too frequent gets half as many`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let sink = RecordingSink()
        try await RawServer.with(loops) { request in
            request.connection < 2
                ? [.goAway(last: 0, code: 11, text: "too_many_pings")] : [.echo]
        } body: { server, address in
            let channel = channel(
                address, loops, configuration(interval: .seconds(30), timeout: .seconds(5)),
                logger: Logger(label: "test", sink: sink))
            let options = CallOptions(retry: RetryPolicy(firstBackOff: .milliseconds(1)))
            let answer = try await channel.unary(Test.echo.method, [1], options: options)
            #expect(answer == [1])
            let delays = sink.records.compactMap { $0.fields[.delay] }
            #expect(delays == [.init(Duration.seconds(60)), .init(Duration.seconds(120))])
            await channel.close()
        }
        loops.stop()
    }

    @Test func `something that accepts and says nothing is no server`() async throws {
        let loops = try IOLoopGroup(count: 1)
        var options = RawServer.Options()
        options.speaks = false
        try await RawServer.with(loops, options: options) { _ in
            []
        } body: { server, address in
            var configuration = ClientConfiguration()
            configuration.connectTimeout = .milliseconds(10)
            let channel = channel(address, loops, configuration)
            let error = await #expect(throws: RPCError.self) {
                try await channel.unary(Test.echo.method, [1])
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("\(address)") == true)
            await channel.close()
        }
        loops.stop()
    }
}
