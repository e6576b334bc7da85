import GRPC
import HTTP2
import Testing

@Suite struct BackPressureTests {
    static let messageBytes = 16 * 1_024
    static let messages = 200

    /// What may be under way with nobody reading: the window, what `send` lets queue, the message
    /// that made it wait, and one more that is half through.
    static let mostAhead =
        (HTTP2Configuration().streamWindowBytes + RPCServerConfiguration().maxUnsentBytes)
        / messageBytes + 2

    @Test func `a handler that sends waits for a client that doesn't read`() async throws {
        let sent = Tally()
        let handler = RPCHandler(Test.method("Flood", .serverStreaming)) { _, responses, _ in
            for _ in 0..<Self.messages {
                try await responses.send([UInt8](repeating: 1, count: Self.messageBytes))
                sent.add()
            }
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                try await call.send([])
                try await call.finishSending()
                var received = 0
                await until { sent.value >= 10 }
                while try await call.responses.next() != nil {
                    received += 1
                    #expect(sent.value - received <= Self.mostAhead)
                }
                #expect(received == Self.messages)
            }
        }
    }

    @Test func `a client that sends waits for a handler that doesn't read, and others don't`()
        async throws
    {
        let (sent, gate) = (Tally(), Tally())
        let slow = RPCHandler(Test.method("Slow", .clientStreaming)) { requests, responses, _ in
            await until { gate.value == 1 }
            var count = 0
            for try await _ in requests { count += 1 }
            try await responses.send(Array("\(count)".utf8))
        }
        let open = RPCHandler(Test.method("Open", .unary)) { _, responses, _ in
            gate.add()
            try await responses.send([])
        }
        try await TestServer.with([slow, open, Test.echo]) { test in
            let answer = try await test.channel.withCall(slow.method) { call in
                async let sending: Void = {
                    for _ in 0..<Self.messages {
                        try await call.send([UInt8](repeating: 1, count: Self.messageBytes))
                        sent.add()
                    }
                    try await call.finishSending()
                }()
                await until { sent.value >= 10 }
                for _ in 0..<100 {
                    _ = try await test.channel.unary(
                        Test.echo.method, [UInt8](repeating: 2, count: Self.messageBytes))
                }
                #expect(sent.value <= Self.mostAhead)
                _ = try await test.channel.unary(open.method, [])
                try await sending
                return try await call.responses.single()
            }
            #expect(answer == Array("\(Self.messages)".utf8))
        }
    }

    @Test func `a message larger than the window still arrives`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.http2.streamWindowBytes = 70_000
        var client = ClientConfiguration()
        client.http2.streamWindowBytes = 70_000
        try await TestServer.with(Test.all, configuration: configuration, client: client) { test in
            let large = [UInt8](repeating: 3, count: 500_000)
            #expect(try await test.channel.unary(Test.echo.method, large) == large)
            let answer = try await test.channel.withCall(Test.collect.method) { call in
                for _ in 0..<4 { try await call.send(large) }
                try await call.finishSending()
                return try await call.responses.single()
            }
            #expect(answer.count == 2_000_000)
        }
    }
}
