import GRPC
import IO
import Telemetry
import Testing

/// Channels to several servers, which come and go.
@Suite struct ChannelTests {
    private static var quick: ClientConfiguration {
        var configuration = ClientConfiguration()
        configuration.firstBackOff = .milliseconds(1)
        configuration.maxBackOff = .milliseconds(10)
        // A busy machine may take long.
        configuration.connectTimeout = .seconds(600)
        return configuration
    }

    private func channel(
        _ addresses: [SocketAddress], _ loops: IOLoopGroup,
        _ configuration: ClientConfiguration = quick
    ) -> ClientChannel {
        ClientChannel(
            ClientTarget(addresses: addresses), loops: loops, configuration: configuration)
    }

    /// How many of so many calls each server answered.
    private func share(of count: Int, _ channel: ClientChannel) async throws -> [UInt8: Int] {
        var answers: [UInt8: Int] = [:]
        for _ in 0..<count {
            answers[try await channel.unary(Test.who, [])[0], default: 0] += 1
        }
        return answers
    }

    /// An address where nobody listens.
    private func nowhere(_ loops: IOLoopGroup) async throws -> SocketAddress {
        let node = try await TestNode.start(loops, [])
        try await node.stop(grace: .zero)
        return node.address
    }

    @Test func `calls go to all servers in turn`() async throws {
        try await TestNode.with(3) {
            [Test.who($0)]
        } body: { nodes, loops in
            let channel = channel(nodes.map(\.address), loops)
            #expect(await channel.state == .idle)
            _ = try await channel.unary(Test.who, [])
            await until { await channel.statistics.connected == 3 }
            #expect(await channel.state == .ready)
            let answer = try await share(of: 300, channel)
            #expect(answer == [0: 100, 1: 100, 2: 100])
            await channel.close()
            #expect(await channel.state == .shutDown)
        }
    }

    @Test func `with pick-first one server gets all calls`() async throws {
        try await TestNode.with(2) {
            [Test.who($0)]
        } body: { nodes, loops in
            var configuration = Self.quick
            configuration.loadBalancing = .pickFirst
            let channel = channel(
                [try await nowhere(loops)] + nodes.map(\.address), loops, configuration)
            let answer = try await share(of: 20, channel)
            #expect(answer == [0: 20])
            #expect(await channel.statistics.connected == 1)
            // When that one goes away, the list is gone through again.
            try await nodes[0].stop()
            let afterwards = try await share(of: 20, channel)
            #expect(afterwards == [1: 20])
            await channel.close()
        }
    }

    @Test func `an address that refuses harms nobody while another one is up`() async throws {
        try await TestNode.with(1) {
            [Test.who($0)]
        } body: { nodes, loops in
            let channel = channel([try await nowhere(loops), nodes[0].address], loops)
            let answer = try await share(of: 100, channel)
            #expect(answer == [0: 100])
            await until { await channel.statistics.connectsFailed >= 3 }
            let later = try await share(of: 100, channel)
            #expect(later == [0: 100])
            await channel.close()
        }
    }

    @Test func `servers that stop in good order and come back are not noticed`() async throws {
        try await TestNode.with(2) {
            [Test.who($0)]
        } body: { nodes, loops in
            let channel = channel(nodes.map(\.address), loops)
            _ = try await channel.unary(Test.who, [])
            await until { await channel.statistics.connected == 2 }
            let done = Tally()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var calls = 0
                        repeat {
                            _ = try await channel.unary(Test.who, [])
                            calls += 1
                        } while done.value == 0
                        return calls
                    }
                }
                for node in nodes + nodes {
                    let before = await channel.statistics.connected
                    try await node.stop()
                    try await node.start()
                    await until { await channel.statistics.connected > before }
                }
                done.add()
                for try await calls in group { #expect(calls > 0) }
            }
            await channel.close()
        }
    }

    @Test func `who waits for ready gets through when the server comes`() async throws {
        try await TestNode.with(1) {
            [Test.who($0)]
        } body: { nodes, loops in
            try await nodes[0].stop(grace: .zero)
            let channel = channel([nodes[0].address], loops)
            async let waiting = channel.unary(
                Test.who, [], options: CallOptions(waitForReady: true))
            await until { await channel.state == .transientFailure }
            let code = await RPCStatusCode.thrown { _ = try await channel.unary(Test.who, []) }
            #expect(code == .unavailable)
            // It may come before or after the first failure.
            async let late = channel.unary(
                Test.who, [], options: CallOptions(waitForReady: true))
            await until { await channel.statistics.openCalls == 2 }
            #expect(await channel.statistics.waitingCalls == 2)
            try await nodes[0].start()
            let answers = try await [waiting, late]
            #expect(answers == [[0], [0]])
            await channel.close()
        }
    }

    @Test func `a channel that nobody uses closes its connections and makes them again`()
        async throws
    {
        try await TestNode.with(1) {
            [Test.who($0)]
        } body: { nodes, loops in
            var configuration = Self.quick
            configuration.idleTimeout = .milliseconds(5)
            let channel = channel([nodes[0].address], loops, configuration)
            for round in 1...3 {
                let answer = try await channel.unary(Test.who, [])
                #expect(answer == [0])
                await until { await channel.state == .idle }
                #expect(await channel.statistics.connected == round)
            }
            await channel.close()
        }
    }

    @Test func `a watch of health holds no connection that nobody uses`() async throws {
        let loops = try IOLoopGroup(count: 1)
        try await RawServer.with(loops) { _ in
            []
        } body: { server, address in
            var configuration = Self.quick
            configuration.idleTimeout = .milliseconds(5)
            configuration.healthCheckedService = ""
            let channel = channel([address], loops, configuration)
            let options = CallOptions(timeout: .milliseconds(1))
            // A slow connect may be given up before the watch begins.
            repeat {
                _ = try? await channel.unary(Test.who, [], options: options)
                await until { await channel.state == .idle }
            } while server.requests.value == 0
            await until { server.closed.value == server.connections.value }
            await channel.close()
        }
        loops.stop()
    }

    @Test func `a channel that is forgotten leaves no connection`() async throws {
        let loops = try IOLoopGroup(count: 1)
        try await RawServer.with(loops) { _ in
            [.echo]
        } body: { server, address in
            let answer = try await channel([address], loops).unary(Test.who, [1])
            #expect(answer == [1])
            await until { server.closed.value == 1 }
        }
        loops.stop()
    }

    @Test func `a name is looked up, all its addresses are tried, and its calls carry it`()
        async throws
    {
        let authority = RPCHandler(Test.who) { _, responses, call in
            let client = "\(call.metadata.first("client-name") ?? "") "
            let version = call.metadata.first("client-version") ?? ""
            try await responses.send(Array((client + version).utf8))
        }
        try await TestNode.with(1) { _ in
            [authority]
        } body: { nodes, loops in
            var configuration = Self.quick
            configuration.clientName = "tester"
            configuration.clientVersion = "1.2"
            let channel = ClientChannel(
                host: "localhost", port: nodes[0].port, loops: loops, configuration: configuration)
            let answer = try await channel.unary(Test.who, [])
            #expect(answer == Array("tester 1.2".utf8))
            #expect(await channel.statistics.resolutions == 1)
            await channel.close()
        }
    }

    @Test func `a failed look-up fails calls, and names the target`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let channel = ClientChannel(
            host: "nowhere.invalid", port: 1, loops: loops, configuration: Self.quick)
        let error = await #expect(throws: RPCError.self) { try await channel.unary(Test.who, []) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("nowhere.invalid:1") == true)
        // It goes on trying, for those who wait.
        await until { await channel.statistics.resolutions >= 3 }
        await channel.close()
        loops.stop()
    }

    @Test func `the deadline says what was waited for`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let nobody = try await nowhere(loops)
        let channel = channel([nobody], loops)
        let options = CallOptions(timeout: .milliseconds(20), waitForReady: true)
        let error = await #expect(throws: RPCError.self) {
            try await channel.unary(Test.who, [], options: options)
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("\(nobody)") == true)
        await channel.close()
        loops.stop()
    }
}
