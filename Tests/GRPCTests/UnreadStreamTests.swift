import GRPC
import HTTP2
import Testing

/// Streams whose clients read nothing, many of them: they hold back nobody but themselves.
@Suite struct UnreadStreamTests {
    private static func batches(_ count: Int, of bytes: Int, from gate: Tally, _ sent: Tally)
        -> RPCHandler
    {
        RPCHandler(Test.method("Batches", .serverStreaming)) { _, responses, _ in
            await until { gate.value == 1 }
            for _ in 0..<count {
                try await responses.send([UInt8](repeating: 1, count: bytes))
                sent.add()
            }
        }
    }

    /// Opens streams of which nothing is read, has their handlers send, and reads them in the end.
    ///
    /// - Returns: How many messages came on each.
    private func unread(
        _ streams: Int, of handler: RPCHandler, sending gate: Tally, on test: TestServer,
        _ meanwhile: () async throws -> Void
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int.self) { group in
            let reading = Tally()
            for _ in 0..<streams {
                group.addTask {
                    try await test.channel.withCall(handler.method) { call in
                        try await call.send([])
                        try await call.finishSending()
                        await until { reading.value == 1 }
                        var count = 0
                        while try await call.responses.next() != nil { count += 1 }
                        return count
                    }
                }
            }
            await until { test.server.handlersRunning == streams }
            gate.add()
            try await meanwhile()
            reading.add()
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test func `streams that aren't read hold themselves back, and no calls beside them`()
        async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxConnectionUnsentBytes = 200_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 1_000
        let (gate, sent) = (Tally(), Tally())
        let handler = Self.batches(5, of: 60_000, from: gate, sent)
        try await TestServer.with(
            [handler, Test.echo], configuration: configuration, client: client
        ) { test in
            let counts = try await unread(6, of: handler, sending: gate, on: test) {
                await until { LimitTests.unsent(test) > 350_000 }
                let answer = try await test.channel.unary(Test.echo.method, [1])
                #expect(answer == [1])
                // The client's deframer takes the first of each. Of what follows one stream has two:
                // then half of what the connection may have is gone.
                #expect(sent.value <= 7)
            }
            #expect(counts == [5, 5, 5, 5, 5, 5])
            #expect(test.hits(.connectionOutput) == 0)
        }
    }

    @Test func `what a crowd of streams leaves unread has no call of others refused`()
        async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 1_000_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 1_000
        let (gate, sent) = (Tally(), Tally())
        // The client's deframer takes the first.
        let handler = Self.batches(2, of: 50_000, from: gate, sent)
        try await TestServer.with(
            [handler, Test.echo], configuration: configuration, client: client
        ) { test in
            let counts = try await unread(30, of: handler, sending: gate, on: test) {
                await until { LimitTests.held(test) > 1_400_000 }
                let other = test.otherChannel()
                for count in [1, 100_000] {
                    let message = [UInt8](repeating: 2, count: count)
                    let code = await RPCStatusCode.thrown {
                        let answer = try await other.unary(Test.echo.method, message)
                        #expect(answer == message)
                    }
                    #expect(code == nil)
                }
                await other.close()
                // Whose connection holds all that may have no more.
                let code = await RPCStatusCode.thrown {
                    _ = try await test.channel.unary(Test.echo.method, [1])
                }
                #expect(code == .resourceExhausted)
            }
            #expect(counts.count == 30 && counts.allSatisfy { $0 == 2 })
        }
    }

    @Test func `what a stream sent last waits for its client as long as it takes`() async throws {
        let started = Tally()
        let last = RPCHandler(Test.method("Last", .serverStreaming)) { requests, responses, _ in
            _ = try await requests.single()
            started.add()
            // The client's deframer takes the first.
            for _ in 0..<2 { try await responses.send([UInt8](repeating: 1, count: 30_000)) }
        }
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 1_000
        try await TestServer.with(
            [last, Test.echo], client: client, progressInterval: .milliseconds(50)
        ) { test in
            var count = 0
            // On a busy machine the end of the request may take too long as well.
            repeat {
                let before = test.hits(.slowRequest)
                try? await test.channel.withCall(last.method) { call in
                    try await call.send([])
                    try await call.finishSending()
                    await until { started.value == 1 || test.hits(.slowRequest) > before }
                    guard started.value == 1 else { return }
                    await until {
                        LimitTests.unsent(test) > 0 && test.server.handlersRunning == 0
                    }
                    for _ in 0..<3 { try await UnendedRequestTests.trickle(test) }
                    while try await call.responses.next() != nil { count += 1 }
                }
            } while started.value == 0
            #expect(count == 2)
            #expect(test.hits(.slowResponse) == 0)
        }
    }
}
