import GRPC
import HTTP2
import IO
import Testing

/// What becomes of open calls when the grace is over.
@Suite struct ShutdownTests {
    @Test func `a stream under way hears that the server shuts down`() async throws {
        let handler = RPCHandler(Test.method("Follow", .serverStreaming)) { _, responses, _ in
            try await responses.send([1])
            try await waitForCancellation()
        }
        try await TestServer.with([handler]) { test in
            let error = await #expect(throws: RPCError.self) {
                try await test.channel.withCall(handler.method) { call in
                    try await call.send([])
                    try await call.finishSending()
                    let first = try await call.responses.next()
                    #expect(first == [1])
                    await test.server.shutdown(grace: .zero)
                    _ = try await call.responses.next()
                }
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "the server is shutting down")
        }
    }

    @Test func `an answer that isn't all sent never ends with OK`() async throws {
        let count = 1_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 600
        let returned = Tally()
        let handler = RPCHandler(Test.method("Many", .serverStreaming)) { _, responses, _ in
            for _ in 0..<count { try await responses.send([1]) }
            returned.add()
        }
        try await TestServer.with([handler], client: client) { test in
            let code = await RPCStatusCode.thrown {
                try await test.channel.withCall(handler.method) { call in
                    try await call.send([])
                    try await call.finishSending()
                    await until { returned.value == 1 && test.server.handlersRunning == 0 }
                    await test.server.shutdown(grace: .zero)
                    var received = 0
                    while try await call.responses.next() != nil { received += 1 }
                    #expect(received == count)
                }
            }
            #expect(code == .unavailable)
        }
    }

    @Test func `handlers that ignore their cancellation are waited for, but not for ever`()
        async throws
    {
        let gate = Tally()
        let handler = RPCHandler(Test.method("Deaf", .unary)) { _, _, _ in
            while gate.value == 0 { await Task.yield() }
        }
        var configuration = RPCServerConfiguration()
        for patience in [Duration.seconds(600), .milliseconds(20)] {
            configuration.handlerPatience = patience
            let isPatient = patience > .seconds(1)
            try await TestServer.with([handler], configuration: configuration) { test in
                async let code = RPCStatusCode.thrown {
                    _ = try await test.channel.unary(handler.method, [])
                }
                await until { test.server.handlersRunning == 1 }
                async let down: Void = test.server.shutdown(grace: .zero)
                #expect(await code == .unavailable)
                if isPatient { gate.add() }
                await down
                #expect(test.server.handlersRunning == (isPatient ? 0 : 1))
                gate.add()
                await until { test.server.handlersRunning == 0 }
            }
            gate.reset()
        }
    }

    @Test func `a client that reads nothing holds nobody up`() async throws {
        let handler = RPCHandler(Test.method("Flood", .serverStreaming)) { _, responses, _ in
            while true { try await responses.send([UInt8](repeating: 1, count: 64 * 1_024)) }
        }
        var configuration = RPCServerConfiguration()
        configuration.handlerPatience = .seconds(600)
        try await TestServer.with([handler], configuration: configuration) { test in
            let client = try await DeafClient.call(handler.method, at: test.address, test.loops)
            await until { test.server.handlersRunning == 1 }
            await test.server.shutdown(grace: .zero)
            #expect(test.server.handlersRunning == 0)
            await client.close()
        }
    }
}

/// Makes one call with all the window there is, and never reads.
private actor DeafClient {
    private let connection: Connection
    nonisolated let loop: IOLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private init(_ connection: Connection, _ loop: IOLoop) {
        self.connection = connection
        self.loop = loop
    }

    static func call(
        _ method: RPCMethod, at address: SocketAddress, _ loops: IOLoopGroup
    ) async throws -> DeafClient {
        let loop = loops.next()
        return try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                do {
                    _ = try Connector(to: address, on: loop, timeout: .seconds(10)) { result in
                        continuation.resume(
                            with: Result {
                                let connection = Connection(
                                    owning: try result.get(), peer: address, loop: loop)
                                try connection.start(Call(method))
                                connection.setReadingPaused(true)
                                connection.setNeedsWrite()
                                return DeafClient(connection, loop)
                            })
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    func close() {
        connection.close()
    }

    private final class Call: ConnectionHandler, HTTP2SessionHandler {
        private var session: HTTP2Session?

        init(_ method: RPCMethod) throws {
            var configuration = HTTP2Configuration()
            configuration.streamWindowBytes = Int(Int32.max)
            configuration.connectionWindowBytes = Int(Int32.max)
            let session = try HTTP2Session(.client, configuration: configuration, handler: self)
            self.session = session
            let stream = HTTP2Stream()
            var fields = HeaderFields()
            fields.append(":path", method.path)
            fields.append(":authority", "test")
            fields.append("content-type", "application/grpc")
            let fixed = FixedHeaders([":method": "POST", ":scheme": "http"])
            try session.request(stream, fixed, fields, end: false)
            stream.send([], head: ChunkHead(flag: 0, length: 0))
            stream.end()
        }

        func received(_ bytes: Span<UInt8>) {}
        func produce(into output: inout [UInt8], limit: Int) {
            try? session?.produce(into: &output, limit: limit)
        }
        func closed(_ error: IOError?) {
            session?.closeAllStreams(.connectionLost)
        }

        func makeStream() -> HTTP2Stream { HTTP2Stream() }
        func needsOutput() {}
        func receivedSettings() {}
        func receivedGoAway(_ code: HTTP2ErrorCode, reason: String) {}
        func receivedPong(_ payload: UInt64) {}
    }
}
