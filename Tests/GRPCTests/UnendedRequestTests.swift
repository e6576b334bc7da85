import GRPC
import HTTP2
import Testing

/// Whole messages of requests that go on: they are held as any others are.
@Suite struct UnendedRequestTests {
    /// Of eight values in no order: gzip makes it no smaller than what a bomb is.
    private static let large = (0..<500_000).map { UInt8((($0 &* 2_654_435_761) >> 20) & 7) }

    /// Pulls so many messages, then waits for the gate.
    private static func holding(_ pulled: Int, _ gate: Tally, _ started: Tally) -> RPCHandler {
        RPCHandler(Test.method("Holding", .clientStreaming)) { requests, responses, _ in
            var held: [[UInt8]?] = []
            for _ in 0..<pulled { held.append(try await requests.next()) }
            started.add()
            await until { gate.value == 1 }
            withExtendedLifetime(held) {}
            try await responses.send([])
        }
    }

    /// Calls on the same connection until one is refused, or as often as that.
    private static func refusal(on test: TestServer) async -> RPCStatusCode? {
        let message = [UInt8](repeating: 2, count: 100_000)
        for _ in 0..<200 {
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, message)
            }
            if let code { return code }
        }
        return nil
    }

    /// Sends a large message and no end, and expects it in the books until the call is over.
    private func expectHeld(
        _ method: RPCMethod, _ handlers: [RPCHandler], _ gate: Tally,
        compression: CompressionAlgorithm = .identity
    ) async throws {
        var configuration = RPCServerConfiguration()
        // 1,120,000 are shared, and a connection may have half.
        configuration.maxMemoryBytes = 1_400_000
        try await TestServer.with(handlers, configuration: configuration) { test in
            try await test.channel.withCall(
                method, options: CallOptions(compression: compression)
            ) { call in
                try await call.send(Self.large)
                let refusal = await Self.refusal(on: test)
                #expect(refusal == .resourceExhausted)
                #expect(test.hits(.memory) == 1)
                let other = test.otherChannel()
                let answer = try await other.unary(Test.echo.method, [2])
                #expect(answer == [2])
                await other.close()
            }
            gate.add()
            await until { LimitTests.held(test) == 0 }
        }
    }

    @Test func `a unary request that is whole and never ended is held`() async throws {
        try await expectHeld(Test.echo.method, [Test.echo], Tally())
    }

    @Test func `a message that its handler hasn't pulled is held`() async throws {
        let (gate, started) = (Tally(), Tally())
        let handler = Self.holding(0, gate, started)
        try await expectHeld(handler.method, [handler, Test.echo], gate)
    }

    @Test(arguments: [CompressionAlgorithm.identity, .gzip])
    func `a message of a stream is held by its handler until it pulls the next`(
        _ compression: CompressionAlgorithm
    ) async throws {
        let (gate, started) = (Tally(), Tally())
        let handler = Self.holding(1, gate, started)
        try await expectHeld(
            handler.method, [handler, Test.echo], gate, compression: compression)
    }

    @Test func `who waits for the next message holds none`() async throws {
        try await TestServer.with(Test.all) { test in
            try await test.channel.withCall(Test.chat.method) { call in
                try await call.send(Self.large)
                let answer = try await call.responses.next()
                #expect(answer?.count == Self.large.count)
                // What is left is the head of the request.
                await until { LimitTests.held(test) < 10_000 }
            }
        }
    }

    @Test func `messages that find no room while they wait end their call`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 1_400_000
        let (gate, started) = (Tally(), Tally())
        let handler = Self.holding(0, gate, started)
        try await TestServer.with([handler], configuration: configuration) { test in
            let code = await RPCStatusCode.thrown {
                try await test.channel.withCall(handler.method) { first in
                    try await first.send(Self.large)
                    await until { LimitTests.held(test) > 450_000 }
                    _ = try await test.channel.withCall(handler.method) { second in
                        try await second.send(Self.large)
                        return try await second.responses.next()
                    }
                }
            }
            #expect(code == .resourceExhausted)
            gate.add()
        }
    }

    @Test func `a unary request that is whole and isn't ended trickles`() async throws {
        try await TestServer.with(
            [Test.echo], progressInterval: .milliseconds(50)
        ) { test in
            try await Self.trickle(test)
            #expect(test.hits(.slowRequest) == 1)
        }
    }

    /// Ends when the server has looked at its streams twice.
    static func trickle(_ test: TestServer) async throws {
        let code = await RPCStatusCode.thrown {
            let options = CallOptions(timeout: .seconds(60))
            try await test.channel.withCall(Test.echo.method, options: options) { call in
                try await call.send([1])
                _ = try await call.responses.next()
            }
        }
        #expect(code == .deadlineExceeded)
    }
}
