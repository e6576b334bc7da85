import GRPC
import HTTP2
import IO
import Telemetry
import Testing

/// What holds whatever happens: every call ends, in time, and leaves nothing.
@Suite struct FaultTests {
    private func nothingIsLeft(of channel: ClientChannel) async {
        let statistics = await channel.statistics
        #expect(statistics.openCalls == 0)
        #expect(statistics.waitingCalls == 0)
        #expect(statistics.replayBytes == 0)
    }

    @Test func `calls survive servers that are killed at any moment, or say why not`() async throws
    {
        let kills = 30
        try await TestNode.with(3) { number in
            [Test.echo, Test.collect, Test.who(number)]
        } body: { nodes, loops in
            var configuration = ClientConfiguration()
            configuration.firstBackOff = .milliseconds(1)
            configuration.maxBackOff = .milliseconds(5)
            configuration.retryBudget = RetryBudget(maxTokens: 100_000)
            let channel = ClientChannel(
                ClientTarget(addresses: nodes.map(\.address)), loops: loops,
                configuration: configuration)
            let options = CallOptions(
                timeout: .seconds(600), waitForReady: true,
                retry: RetryPolicy(
                    maxAttempts: 5, firstBackOff: .milliseconds(1), maxBackOff: .milliseconds(4)))
            let done = Tally()
            let (good, bad) = (Tally(), Tally())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let message = [UInt8](repeating: UInt8(worker), count: 1 + worker * 3_000)
                        while done.value == 0 {
                            let code = await RPCStatusCode.thrown {
                                let answer = try await channel.unary(
                                    Test.echo.method, message, options: options)
                                #expect(answer == message)
                                good.add()
                            }
                            // Five attempts may all meet a server that dies; nothing else may happen.
                            if let code {
                                #expect(code == .unavailable)
                                bad.add()
                            }
                        }
                    }
                }
                for _ in 0..<kills {
                    let node = nodes[Int.random(in: 0..<nodes.count)]
                    let before = good.value
                    if Bool.random() {
                        try await node.kill()
                    } else {
                        try await node.stop(grace: .zero)
                    }
                    await until { good.value > before + 20 }
                    try await node.start()
                }
                done.add()
                try await group.waitForAll()
            }
            #expect(good.value > kills * 20)
            #expect(bad.value < good.value / 10)
            await nothingIsLeft(of: channel)
            await channel.close()
        }
    }

    @Test func `calls end at their deadline though nobody is there`() async throws {
        let loops = try IOLoopGroup(count: 1)
        var configuration = ClientConfiguration()
        configuration.firstBackOff = .milliseconds(1)
        let channel = ClientChannel(
            host: "127.0.0.1", port: 1, loops: loops, configuration: configuration)
        await withTaskGroup(of: RPCStatusCode?.self) { group in
            for number in 0..<1_000 {
                let options = CallOptions(
                    timeout: .milliseconds(number % 50), waitForReady: true, retry: RetryPolicy())
                group.addTask {
                    await RPCStatusCode.thrown {
                        _ = try await channel.unary(Test.echo.method, [1], options: options)
                    }
                }
            }
            for await code in group { #expect(code == .deadlineExceeded) }
        }
        await nothingIsLeft(of: channel)
        await channel.close()
        loops.stop()
    }

    @Test func `a channel that is closed frees all it held, whatever it was doing`() async throws {
        let loops = try IOLoopGroup(count: 1)
        let scripts: [@Sendable (RawServer.Request) -> [RawServer.Act]] = [
            { _ in [.echo] }, { _ in [.reset(7)] }, { _ in [.cut] }, { _ in [] },
            { _ in [.goAway(last: 0)] }, { _ in [.status(14)] },
        ]
        for script in scripts {
            try await RawServer.with(loops, script: script) { server, address in
                // The channel's objects have its logger, and nobody else has.
                weak var watched: RecordingSink?
                do {
                    let sink = RecordingSink()
                    watched = sink
                    var configuration = ClientConfiguration()
                    configuration.firstBackOff = .milliseconds(1)
                    configuration.healthCheckedService = ""
                    let channel = ClientChannel(
                        ClientTarget("\(address),127.0.0.1:1,localhost:1")
                            ?? ClientTarget(
                                addresses: [address]), loops: loops,
                        logger: Logger(label: "test", level: .debug, sink: sink),
                        configuration: configuration)
                    let options = CallOptions(
                        timeout: .milliseconds(5), waitForReady: true, retry: RetryPolicy())
                    _ = try? await channel.unary(Test.echo.method, [1], options: options)
                    await channel.close()
                }
                while watched != nil { await Task.yield() }
            }
        }
        loops.stop()
    }

    @Test func `ten thousand calls cancelled at any moment leave nothing`() async throws {
        let reached = Tally()
        let quick = RPCHandler(Test.method("Quick", .unary)) { requests, responses, _ in
            reached.add()
            try await responses.send(try await requests.single())
        }
        let slow = RPCHandler(Test.method("Slow", .bidirectionalStreaming)) { requests, _, _ in
            reached.add()
            while try await requests.next() != nil {}
        }
        var server = RPCServerConfiguration()
        server.http2.maxConcurrentStreams = 50
        server.http2.streamResetBurst = 100_000
        try await TestNode.with(2, configuration: server) { _ in
            [quick, slow]
        } body: { nodes, loops in
            let channel = ClientChannel(
                ClientTarget(addresses: nodes.map(\.address)), loops: loops)
            for _ in 0..<20 {
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<500 {
                        group.addTask {
                            if number % 2 == 0 {
                                _ = try? await channel.unary(quick.method, [1, 2, 3])
                                return
                            }
                            try? await channel.withCall(slow.method) { call in
                                try await call.send([UInt8](repeating: 0, count: 100))
                                _ = try await call.responses.next()
                            }
                        }
                    }
                    // A server holds 50 slow ones in the end: so many get through for sure.
                    let enough = reached.value + Int.random(in: 0...50)
                    await until { reached.value >= enough }
                    group.cancelAll()
                }
                await nothingIsLeft(of: channel)
            }
            // It still works.
            let answer = try await channel.unary(quick.method, [9])
            #expect(answer == [9])
            await channel.close()
        }
    }
}
