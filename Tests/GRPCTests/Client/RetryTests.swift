import GRPC
import IO
import Testing

/// Calls that are made again, and those that are not.
@Suite struct RetryTests {
    private static let policy = RetryPolicy(
        maxAttempts: 5, firstBackOff: .milliseconds(1), maxBackOff: .milliseconds(5))
    private static let withPolicy = CallOptions(retry: policy)
    private static let unavailable = 14

    /// A channel to a server that does what the script says.
    private func attempt(
        options: RawServer.Options = RawServer.Options(), client: ClientConfiguration? = nil,
        script: @escaping @Sendable (RawServer.Request) -> [RawServer.Act],
        body: (ClientChannel, RawServer) async throws -> Void
    ) async throws {
        let loops = try IOLoopGroup(count: 1)
        try await RawServer.with(loops, options: options, script: script) { server, address in
            var configuration = client ?? ClientConfiguration()
            configuration.firstBackOff = .milliseconds(1)
            let channel = ClientChannel(
                ClientTarget(addresses: [address]), loops: loops, configuration: configuration)
            try await body(channel, server)
            let statistics = await channel.statistics
            #expect(statistics.openCalls == 0 && statistics.waitingCalls == 0)
            #expect(statistics.replayBytes == 0)
            await channel.close()
        }
        loops.stop()
    }

    private func call(_ channel: ClientChannel, _ options: CallOptions = CallOptions()) async throws
        -> [UInt8]
    {
        try await channel.unary(Test.echo.method, [1, 2, 3], options: options)
    }

    private func echoes(_ channel: ClientChannel, _ options: CallOptions = CallOptions())
        async throws
    {
        let answer = try await call(channel, options)
        #expect(answer == [1, 2, 3])
    }

    @Test func `a call that a GOAWAY leaves out goes to the next connection`() async throws {
        try await attempt { request in
            request.connection == 0 ? [.goAway(last: 0)] : [.echo]
        } body: { channel, server in
            try await echoes(channel)
            #expect(server.connections.value == 2)
            #expect(await channel.statistics.transparentRetries == 1)
        }
    }

    @Test func `calls that a GOAWAY takes in end where they are`() async throws {
        try await attempt { request in
            request.number == 0 ? [.goAway(last: 1), .echo] : [.echo]
        } body: { channel, server in
            try await echoes(channel)
            try await echoes(channel)
            #expect(await channel.statistics.transparentRetries == 0)
            #expect(server.connections.value == 2)
        }
    }

    @Test func `a refused stream goes again once without being asked`() async throws {
        try await attempt {
            $0.number == 0 ? [.reset(7)] : [.echo]
        } body: { channel, server in
            try await echoes(channel)
            #expect(server.requests.value == 2)
        }
        try await attempt { _ in
            [.reset(7)]
        } body: { channel, server in
            let code = await RPCStatusCode.thrown { _ = try await call(channel) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 2)
        }
    }

    @Test func `a call that may have run is made again only by policy`() async throws {
        let cases: [[RawServer.Act]] = [[.cut], [.status(Self.unavailable)]]
        for acts in cases {
            try await attempt {
                $0.number < 2 ? acts : [.echo]
            } body: { channel, server in
                let code = await RPCStatusCode.thrown { _ = try await call(channel) }
                #expect(code == .unavailable)
                #expect(server.requests.value == 1)
                try await echoes(channel, Self.withPolicy)
                #expect(server.requests.value == 3)
                #expect(await channel.statistics.retries == 1)
            }
        }
    }

    @Test func `the channel's policy is that of the method`() async throws {
        var client = ClientConfiguration()
        client.retryPolicies[Test.echo.method.path] = Self.policy
        try await attempt(client: client) { request in
            request.number == 0 ? [.status(Self.unavailable)] : [.echo]
        } body: { channel, _ in
            try await echoes(channel)
        }
        try await attempt(client: client) { _ in
            [.status(Self.unavailable)]
        } body: { channel, server in
            let options = CallOptions(retry: RetryPolicy.none)
            let code = await RPCStatusCode.thrown { _ = try await call(channel, options) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 1)
        }
    }

    @Test func `an answer that has begun is the only one`() async throws {
        try await attempt { _ in
            [.begin, .cut]
        } body: { channel, server in
            let code = await RPCStatusCode.thrown { _ = try await call(channel, Self.withPolicy) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 1)
        }
    }

    @Test func `the server says when to come again, or never`() async throws {
        try await attempt { request in
            request.number == 0 ? [.status(Self.unavailable, pushback: "3")] : [.echo]
        } body: { channel, _ in
            var patient = Self.policy
            patient.firstBackOff = .seconds(3_600)
            patient.maxBackOff = .seconds(3_600)
            try await echoes(channel, CallOptions(retry: patient))
        }
        try await attempt { _ in
            [.status(Self.unavailable, pushback: "-1")]
        } body: { channel, server in
            let code = await RPCStatusCode.thrown { _ = try await call(channel, Self.withPolicy) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 1)
        }
    }

    @Test func `the budget ends retries`() async throws {
        var client = ClientConfiguration()
        client.retryBudget = RetryBudget(maxTokens: 6, tokenRatio: 0.1)
        try await attempt(client: client) { _ in
            [.status(Self.unavailable)]
        } body: { channel, server in
            for _ in 0..<10 {
                let code = await RPCStatusCode.thrown {
                    _ = try await call(channel, Self.withPolicy)
                }
                #expect(code == .unavailable)
            }
            // Ten first attempts, and the two that the tokens above half paid for.
            #expect(server.requests.value == 12)
        }
    }

    @Test func `every message of a stream is sent again, and its end`() async throws {
        try await attempt {
            $0.number == 0 ? [.reset(7)] : [.echo]
        } body: { channel, server in
            let answer = try await channel.withCall(Test.chat.method) { call in
                for byte: UInt8 in 0..<20 { try await call.send([byte]) }
                try await call.finishSending()
                var answers: [[UInt8]] = []
                for try await message in call.responses { answers.append(message) }
                return answers
            }
            #expect(answer == (0..<20).map { [$0] })
            #expect(server.requests.value == 2)
        }
    }

    @Test func `a call that sent more than may be kept is not made again`() async throws {
        var client = ClientConfiguration()
        client.maxReplayBytes = 2
        try await attempt(client: client) { _ in
            [.reset(7)]
        } body: { channel, server in
            let code = await RPCStatusCode.thrown { _ = try await call(channel, Self.withPolicy) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 1)
        }
        client.maxReplayBytes = 3
        client.maxChannelReplayBytes = 2
        try await attempt(client: client) { _ in
            [.reset(7)]
        } body: { channel, server in
            let code = await RPCStatusCode.thrown { _ = try await call(channel, Self.withPolicy) }
            #expect(code == .unavailable)
            #expect(server.requests.value == 1)
        }
    }

    @Test func `the deadline is that of all attempts`() async throws {
        try await attempt { _ in
            [.status(Self.unavailable, pushback: "3600000")]
        } body: { channel, server in
            let options = CallOptions(timeout: .milliseconds(40), retry: Self.policy)
            let code = await RPCStatusCode.thrown { _ = try await call(channel, options) }
            #expect(code == .deadlineExceeded)
        }
    }

    @Test func `a call that waits to be made again can be cancelled`() async throws {
        try await attempt { _ in
            [.status(Self.unavailable, pushback: "3600000")]
        } body: { channel, server in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await call(channel, Self.withPolicy)
                    }
                }
                await until { server.requests.value == 1 }
                while await channel.statistics.retries == 0 { await Task.yield() }
                group.cancelAll()
            }
        }
    }

    @Test func `calls beyond what the server allows wait for room`() async throws {
        var options = RawServer.Options()
        options.maxStreams = 1
        try await attempt(options: options) { _ in
            [.echo]
        } body: { channel, server in
            try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for _ in 0..<200 { group.addTask { try await call(channel) } }
                for try await answer in group { #expect(answer == [1, 2, 3]) }
            }
            #expect(server.connections.value == 1)
        }
    }

    @Test func `a server that allows no streams leaves calls to their deadline`() async throws {
        var options = RawServer.Options()
        options.maxStreams = 0
        try await attempt(options: options) { _ in
            [.echo]
        } body: { channel, server in
            let options = CallOptions(timeout: .milliseconds(20))
            let code = await RPCStatusCode.thrown { _ = try await call(channel, options) }
            #expect(code == .deadlineExceeded)
            #expect(server.requests.value == 0)
        }
    }
}
