import GRPC
import HTTP2
import IO
import Synchronization
import Telemetry
import Testing

/// Limits of the server as a whole, and of one connection.
@Suite struct LimitTests {
    /// Runs until the gate opens, whatever becomes of its call.
    private static func stubborn(_ gate: Tally, _ started: Tally) -> RPCHandler {
        RPCHandler(Test.method("Stubborn", .unary)) { requests, responses, _ in
            started.add()
            _ = try? await requests.single()
            while gate.value == 0 { await Task.yield() }
            try await responses.send([])
        }
    }

    @Test func `handlers that ignore their cancellation keep counting`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxHandlers = 5
        let (gate, started) = (Tally(), Tally())
        let handler = Self.stubborn(gate, started)
        try await TestServer.with([handler, Test.echo], configuration: configuration) { test in
            let codes = await withTaskGroup(of: RPCStatusCode?.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        await RPCStatusCode.thrown {
                            _ = try await test.channel.unary(handler.method, [])
                        }
                    }
                }
                await until { started.value == 5 }
                group.cancelAll()
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.count == 5)
            let error = await #expect(throws: RPCError.self) {
                try await test.channel.unary(Test.echo.method, [])
            }
            #expect(error?.code == .resourceExhausted)
            #expect(error?.metadata.first("grpc-retry-pushback-ms") == "1000")
            #expect(error?.details == TestServer.retryInfo(error))
            #expect(test.hits(.handlers) == 1)
            #expect(test.server.handlersRunning == 5)
            gate.add()
            await until { test.server.handlersRunning == 0 }
            let answer = try await test.channel.unary(Test.echo.method, [1])
            #expect(answer == [1])
        }
    }

    @Test func `one connection has so many handlers, another has its own`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxHandlersPerConnection = 1
        let (gate, started) = (Tally(), Tally())
        let handler = Self.stubborn(gate, started)
        try await TestServer.with([handler, Test.echo], configuration: configuration) { test in
            async let held = test.channel.unary(handler.method, [])
            await until { started.value == 1 }
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, [])
            }
            #expect(code == .resourceExhausted)
            #expect(test.hits(.handlersPerConnection) == 1)
            let other = test.otherChannel()
            let answer = try await other.unary(Test.echo.method, [1])
            #expect(answer == [1])
            gate.add()
            _ = try await held
            let own = try await test.channel.unary(Test.echo.method, [1])
            #expect(own == [1])
            await other.close()
        }
    }

    @Test func `a connection that holds more than is free gets no more, and others do`()
        async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 1_400_000
        let (gate, started) = (Tally(), Tally())
        let handler = Self.stubborn(gate, started)
        try await TestServer.with([handler, Test.echo], configuration: configuration) { test in
            async let held = test.channel.unary(
                handler.method, [UInt8](repeating: 1, count: 400_000))
            await until { started.value == 1 }
            // It may have 560,000, half of what is shared: no room for both.
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(
                    Test.echo.method, [UInt8](repeating: 1, count: 300_000))
            }
            #expect(code == .resourceExhausted)
            #expect(test.hits(.memory) == 1)
            let other = test.otherChannel()
            let large = [UInt8](repeating: 1, count: 100_000)
            let answer = try await other.unary(Test.echo.method, large)
            #expect(answer == large)
            gate.add()
            _ = try await held
            let after = [UInt8](repeating: 1, count: 300_000)
            let own = try await test.channel.unary(Test.echo.method, after)
            #expect(own == after)
            await other.close()
            await until { Self.held(test) == 0 }
        }
    }

    @Test func `tiny messages that wait count with what they take besides their bytes`()
        async throws
    {
        let gate = Tally()
        let slow = RPCHandler(Test.method("Slow", .clientStreaming)) { requests, responses, _ in
            await until { gate.value == 1 }
            for try await _ in requests {}
            try await responses.send([])
        }
        try await TestServer.with([slow, Test.echo]) { test in
            try await test.channel.withCall(slow.method) { call in
                for _ in 0..<3_000 { try await call.send([1, 2]) }
                try await call.finishSending()
                await until { Self.held(test) >= 14_000 }
                // By then the last of them is counted, too.
                _ = try await test.channel.unary(Test.echo.method, [])
                #expect(Self.held(test) >= 150_000)
                gate.add()
                _ = try await call.responses.single()
            }
            await until { Self.held(test) == 0 }
        }
    }

    @Test func `a call that is given up gives back what its messages took`() async throws {
        let gate = Tally()
        let slow = RPCHandler(Test.method("Slow", .clientStreaming)) { _, responses, _ in
            while gate.value == 0 { await Task.yield() }
            try await responses.send([])
        }
        try await TestServer.with([slow]) { test in
            try await test.channel.withCall(slow.method) { call in
                for _ in 0..<3_000 { try await call.send([1, 2]) }
                await until { Self.held(test) >= 14_000 }
            }
            gate.add()
            await until { Self.held(test) == 0 }
        }
    }

    @Test func `large responses of calls that were let in are refused when memory is short`()
        async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 1_400_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 1_000
        let (gate, started) = (Tally(), Tally())
        let page = RPCHandler(Test.method("Page", .unary)) { requests, responses, _ in
            _ = try await requests.single()
            started.add()
            while gate.value == 0 { await Task.yield() }
            try await responses.send([UInt8](repeating: 1, count: 500_000))
        }
        try await TestServer.with([page], configuration: configuration, client: client) { test in
            // 1,120,000 are shared: there is room for two.
            async let first = test.channel.unary(page.method, [])
            async let second = test.channel.unary(page.method, [])
            async let third = test.channel.unary(page.method, [])
            await until { started.value == 3 }
            gate.add()
            let outcomes = [try? await first, try? await second, try? await third]
            #expect(outcomes.map { $0?.count ?? 0 }.sorted() == [0, 500_000, 500_000])
            #expect(test.hits(.memory) == 1)
        }
    }

    @Test func `slow subscribers are kept when memory is short`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 1_000_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 10_000
        let started = Tally()
        let batches = RPCHandler(Test.method("Batches", .serverStreaming)) { _, responses, _ in
            started.add()
            while started.value < 2 { await Task.yield() }
            for _ in 0..<3 { try await responses.send([UInt8](repeating: 1, count: 500_000)) }
        }
        try await TestServer.with([batches], configuration: configuration, client: client) { test in
            // With what waits for one of them there is no room for the other's.
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await test.channel.withCall(batches.method) { call in
                            try await call.send([])
                            try await call.finishSending()
                            var count = 0
                            while try await call.responses.next() != nil { count += 1 }
                            return count
                        }
                    }
                }
                for try await count in group { #expect(count == 3) }
            }
        }
    }

    static func held(_ test: TestServer) -> Int {
        let lines = test.metrics.exposition().split(separator: "\n")
        return lines.compactMap { line in
            line.hasPrefix("apus_grpc_held_bytes ") ? Int(line.split(separator: " ")[1]) : nil
        }.first ?? -1
    }

    @Test func `answers that one connection doesn't read hold back its own calls alone`()
        async throws
    {
        var configuration = RPCServerConfiguration()
        configuration.maxConnectionUnsentBytes = 200_000
        // Once so much waits to be read, nothing comes on any stream.
        var client = ClientConfiguration()
        client.http2.connectionWindowBytes = 65_535
        client.http2.maxBufferedBytes = 30_000
        let handler = RPCHandler(Test.method("Much", .serverStreaming)) { _, responses, _ in
            for _ in 0..<500 { try await responses.send([UInt8](repeating: 1, count: 300)) }
        }
        let page = RPCHandler(Test.method("Page", .unary)) { _, responses, _ in
            try await responses.send([UInt8](repeating: 1, count: 400_000))
        }
        try await TestServer.with(
            [handler, page, Test.echo], configuration: configuration, client: client
        ) { test in
            try await test.channel.withCall(handler.method) { stream in
                try await test.channel.withCall(page.method) { call in
                    for call in [stream, call] {
                        try await call.send([])
                        try await call.finishSending()
                    }
                    await until { Self.unsent(test) > 200_000 }
                    let code = await RPCStatusCode.thrown {
                        _ = try await test.channel.unary(Test.echo.method, [])
                    }
                    #expect(code == .resourceExhausted)
                    #expect(test.hits(.connectionOutput) == 1)
                    let other = test.otherChannel()
                    let answer = try await other.unary(Test.echo.method, [1])
                    #expect(answer == [1])
                    await other.close()
                    var count = 0
                    while try await stream.responses.next() != nil { count += 1 }
                    #expect(count == 500)
                    let page = try await call.responses.single()
                    #expect(page.count == 400_000)
                }
            }
            let after = try await test.channel.unary(Test.echo.method, [1])
            #expect(after == [1])
        }
    }

    static func unsent(_ test: TestServer) -> Int {
        let lines = test.metrics.exposition().split(separator: "\n")
        return lines.compactMap { line in
            line.hasPrefix("apus_grpc_held_unsent_bytes ")
                ? Int(line.split(separator: " ")[1]) : nil
        }.first ?? -1
    }

    @Test func `connections have a limit, and each peer one of its own`() async throws {
        for limit in [RuntimeLimit.connections, .connectionsPerPeer] {
            var configuration = RPCServerConfiguration()
            if limit == .connections {
                configuration.maxConnections = 2
            } else {
                configuration.maxConnectionsPerPeer = 2
                configuration.limitsLocalPeers = true
            }
            try await TestServer.with(Test.all, configuration: configuration) { test in
                let channels = (0..<3).map { _ in
                    test.otherChannel()
                }
                for channel in channels.prefix(2) {
                    let answer = try await channel.unary(Test.echo.method, [1])
                    #expect(answer == [1])
                }
                let code = await RPCStatusCode.thrown {
                    _ = try await channels[2].unary(Test.echo.method, [])
                }
                #expect(code == .unavailable)
                #expect(test.hits(limit) >= 1)
                await channels[0].close()
                var answer: [UInt8]?
                while answer == nil {
                    answer = try? await channels[2].unary(Test.echo.method, [1])
                }
                #expect(answer == [1])
                for channel in channels { await channel.close() }
            }
        }
    }

    @Test func `who is cut off again and again stays out, and others don't`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.limitsLocalPeers = true
        configuration.cutOffBurst = 2
        configuration.cutOffsPerSecond = 0
        configuration.http2.strikeBurst = 0
        try await TestServer.with(Test.all, configuration: configuration) { test in
            let inside = test.otherChannel()
            _ = try await inside.unary(Test.echo.method, [1])
            let bomb = CallOptions(compression: .gzip)
            for _ in 0..<2 {
                let attacker = test.otherChannel()
                await #expect(throws: RPCError.self) {
                    try await attacker.unary(
                        Test.echo.method, [UInt8](repeating: 0, count: 3 << 20), options: bomb)
                }
                await attacker.close()
            }
            #expect(test.hits(.bombs) == 2)
            let code = await RPCStatusCode.thrown {
                _ = try await test.otherChannel().unary(Test.echo.method, [])
            }
            #expect(code == .unavailable && test.hits(.cutOffs) >= 1)
            let answer = try await inside.unary(Test.echo.method, [2])
            #expect(answer == [2])
            await inside.close()
        }
    }

    @Test func `a message over the limit is counted`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxMessageBytes = 10
        try await TestServer.with(Test.all, configuration: configuration) { test in
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Test.echo.method, [UInt8](repeating: 1, count: 11))
            }
            #expect(code == .resourceExhausted)
            #expect(test.hits(.messageBytes) == 1)
        }
    }
}
