import GRPC
import HTTP2
import Testing

@Suite struct EndingTests {
    @Test func `a deadline ends the call on both sides`() async throws {
        let (started, cancelled) = (Tally(), Tally())
        let handler = RPCHandler(Test.method("Hang", .unary)) { _, _, call in
            started.add()
            #expect(call.deadline != nil)
            do {
                try await waitForCancellation()
            } catch {
                cancelled.add()
                throw error
            }
        }
        try await TestServer.with([handler]) { test in
            let options = CallOptions(timeout: .milliseconds(30))
            // On a busy machine a call may end before it has left.
            repeat {
                let code = await RPCStatusCode.thrown {
                    _ = try await test.channel.unary(handler.method, [], options: options)
                }
                #expect(code == .deadlineExceeded)
            } while started.value == 0
            await until { cancelled.value == started.value && test.server.handlersRunning == 0 }
        }
    }

    @Test func `cancelling the caller's task cancels the handler's`() async throws {
        let (started, cancelled) = (Tally(), Tally())
        let handler = RPCHandler(Test.method("Hang", .unary)) { _, _, _ in
            started.add()
            do {
                try await waitForCancellation()
            } catch {
                cancelled.add()
                throw error
            }
        }
        try await TestServer.with([handler]) { test in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await test.channel.unary(handler.method, [])
                    }
                }
                await until { started.value == 1 }
                group.cancelAll()
            }
            await until { cancelled.value == 1 }
        }
    }

    @Test func `leaving the call's scope cancels what is left of it`() async throws {
        let cancelled = Tally()
        let handler = RPCHandler(
            Test.method("Endless", .bidirectionalStreaming)
        ) { requests, responses, _ in
            try await responses.send([1])
            do {
                while try await requests.next() != nil {}
            } catch {
                cancelled.add()
                throw error
            }
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                let first = try await call.responses.next()
                #expect(first == [1])
            }
            await until { cancelled.value == 1 }
        }
    }

    @Test func `a server that is done early ends the client's sending with its status`()
        async throws
    {
        let handler = RPCHandler(Test.method("Full", .clientStreaming)) { requests, _, _ in
            _ = try await requests.next()
            throw RPCError(.resourceExhausted, "enough")
        }
        try await TestServer.with([handler]) { test in
            let code = await RPCStatusCode.thrown {
                try await test.channel.withCall(handler.method) { call in
                    while true { try await call.send([UInt8](repeating: 0, count: 10_000)) }
                }
            }
            #expect(code == .resourceExhausted)
        }
    }

    @Test func `a message that still waits for room when the call ends with OK is no error`()
        async throws
    {
        let gate = Tally()
        let handler = RPCHandler(Test.method("Content", .bidirectionalStreaming)) { _, _, _ in
            await until { gate.value == 1 }
        }
        var configuration = RPCServerConfiguration()
        configuration.http2.streamWindowBytes = 65_535
        try await TestServer.with([handler], configuration: configuration) { test in
            try await test.channel.withCall(handler.method) { call in
                // Nobody reads the first one, so there is no room for the second.
                try await call.send([UInt8](repeating: 0, count: 60_000))
                async let sending: Void = call.send([UInt8](repeating: 0, count: 200_000))
                var queued = 0
                while queued < 260_000 { queued = await test.channel.statistics.replayBytes }
                gate.add()
                try await sending
                let response = try await call.responses.next()
                #expect(response == nil)
            }
        }
    }

    @Test func `a message after the call has ended with OK is no error, and the answer is read`()
        async throws
    {
        let handler = RPCHandler(
            Test.method("First", .bidirectionalStreaming)
        ) { requests, responses, _ in
            _ = try await requests.next()
            try await responses.send([7])
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                try await call.send([1])
                while try await call.responses.next() != nil {}
                try await call.send([2])
                try await call.finishSending()
                let end = try await call.responses.next()
                #expect(end == nil)
            }
        }
    }

    @Test func `a child task of the handler that is cancelled alone ends its wait alone`()
        async throws
    {
        let cancelled = Tally()
        let handler = RPCHandler(
            Test.method("Race", .bidirectionalStreaming)
        ) { requests, responses, _ in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        _ = try await requests.next()
                    } catch is CancellationError {
                        cancelled.add()
                    } catch {}
                }
                await Task.yield()
                group.cancelAll()
            }
            try await responses.send([UInt8(cancelled.value)])
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                let answer = try await call.responses.next()
                #expect(answer == [1])
            }
        }
    }

    @Test func `messages over the limit are RESOURCE_EXHAUSTED, and those at it pass`() async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxMessageBytes = 1_000
        try await TestServer.with(Test.all, configuration: configuration) { test in
            let atLimit = [UInt8](repeating: 1, count: 1_000)
            let answer = try await test.channel.unary(Test.echo.method, atLimit)
            #expect(answer == atLimit)
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, atLimit + [1])
            }
            #expect(code == .resourceExhausted)
        }
    }

    @Test func `a response over the client's limit is RESOURCE_EXHAUSTED`() async throws {
        var client = ClientConfiguration()
        client.maxMessageBytes = 10
        try await TestServer.with(Test.all, client: client) { test in
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, [UInt8](repeating: 1, count: 11))
            }
            #expect(code == .resourceExhausted)
        }
    }

    @Test func `bad calls harm no neighbour on their connection`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxMessageBytes = 1_000
        struct Bug: Error {}
        let bug = RPCHandler(Test.method("Bug", .unary)) { _, _, _ in throw Bug() }
        try await TestServer.with(Test.all + [bug], configuration: configuration) { test in
            try await test.channel.withCall(Test.chat.method) { call in
                for round: UInt8 in 0..<20 {
                    for (method, size) in [
                        (bug.method, 1), (Test.echo.method, 5_000),
                        (Test.method("Nope", .unary), 1),
                    ] {
                        let code = await RPCStatusCode.thrown {
                            _ = try await test.channel.unary(
                                method, [UInt8](repeating: 0, count: size))
                        }
                        #expect(code != nil)
                    }
                    var options = CallOptions()
                    options.metadata.append("x-large", String(repeating: "x", count: 20_000))
                    let code = await RPCStatusCode.thrown {
                        _ = try await test.channel.unary(Test.echo.method, [], options: options)
                    }
                    #expect(code == .resourceExhausted)
                    try await call.send([round])
                    #expect(try await call.responses.next() == [round])
                }
            }
        }
    }

    @Test func `headers far over the limit end the connection, and the next call makes a new one`()
        async throws
    {
        try await TestServer.with(Test.all) { test in
            var options = CallOptions()
            for _ in 0..<12 {
                options.metadata.append("x-large", String(repeating: "x", count: 10_000))
            }
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, [1], options: options)
            }
            #expect(code != nil)
            var again = CallOptions(timeout: .seconds(10))
            again.waitForReady = true
            var answer: [UInt8]?
            while answer == nil {
                answer = try? await test.channel.unary(Test.echo.method, [1], options: again)
            }
            #expect(answer == [1])
        }
    }
}
