import GRPC
import IO
import Telemetry
import Testing

@Suite struct ConnectionTests {
    @Test func `nobody there is UNAVAILABLE`() async throws {
        let loops = try IOLoopGroup(count: 1)
        // Port 1 of loopback: nothing listens there.
        let channel = ClientChannel(host: "127.0.0.1", port: 1, loops: loops)
        let code = await RPCStatusCode.thrown { _ = try await channel.unary(Test.echo.method, []) }
        #expect(code == .unavailable)
        await channel.close()
        loops.stop()
    }

    @Test func `waiting for ready gives up at the deadline`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let channel = ClientChannel(host: "127.0.0.1", port: 1, loops: loops)
        let options = CallOptions(timeout: .milliseconds(30), waitForReady: true)
        let code = await RPCStatusCode.thrown {
            _ = try await channel.unary(Test.echo.method, [], options: options)
        }
        #expect(code == .deadlineExceeded)
        await channel.close()
        loops.stop()
    }

    @Test func `a name that nobody knows is UNAVAILABLE`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let channel = ClientChannel(host: "nowhere.invalid", port: 1, loops: loops)
        let code = await RPCStatusCode.thrown { _ = try await channel.unary(Test.echo.method, []) }
        #expect(code == .unavailable)
        await channel.close()
        loops.stop()
    }

    @Test func `a shutdown lets open calls end`() async throws {
        let started = Tally()
        let handler = RPCHandler(
            Test.method("Last", .bidirectionalStreaming)
        ) { requests, responses, _ in
            started.add()
            for try await request in requests { try await responses.send(request) }
        }
        let loops = try IOLoopGroup(count: 1)
        let told = Tally()
        let server = RPCServer(
            services: [TestServer.Handlers(rpcHandlers: [handler])], loops: loops, logger: .silent,
            willShutDown: { told.add() })
        let address = try await server.bind(host: "127.0.0.1", port: 0)
        async let running: Void = server.run()
        let channel = ClientChannel(host: "127.0.0.1", port: address.port, loops: loops)
        try await channel.withCall(handler.method) { call in
            await until { started.value == 1 }
            async let down: Void = server.shutdown(grace: .seconds(60))
            await until { told.value == 1 }
            try await call.send([1])
            #expect(try await call.responses.next() == [1])
            try await call.finishSending()
            #expect(try await call.responses.next() == nil)
            await down
        }
        try await running
        await channel.close()
        loops.stop()
    }

    @Test func `calls that outlast the grace are UNAVAILABLE`() async throws {
        let started = Tally()
        let handler = RPCHandler(Test.method("Hang", .unary)) { _, _, _ in
            started.add()
            try await waitForCancellation()
        }
        try await TestServer.with([handler]) { test in
            async let ending = #expect(throws: RPCError.self) {
                try await test.channel.unary(handler.method, [])
            }
            await until { started.value == 1 }
            await test.server.shutdown(grace: .milliseconds(20))
            let error = await ending
            #expect(error?.code == .unavailable)
            #expect(error?.details == TestServer.retryInfo(error))
        }
    }

    @Test func `cancelling the run ends the server`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let server = RPCServer(services: [], loops: loops, logger: .silent)
        _ = try await server.bind(host: "127.0.0.1", port: 0)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            group.cancelAll()
        }
        loops.stop()
    }

    @Test func `a taken port says so`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let first = RPCServer(services: [], loops: loops, logger: .silent)
        let address = try await first.bind(host: "127.0.0.1", port: 0)
        let second = RPCServer(services: [], loops: loops, logger: .silent)
        let error = await #expect(throws: IOError.self) {
            try await second.bind(host: "127.0.0.1", port: address.port)
        }
        #expect(error?.code == .addressInUse)
        await first.shutdown(grace: .zero)
        loops.stop()
    }
}
