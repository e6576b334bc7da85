import HTTP2
import Testing

@testable import GRPC

@Suite struct CompressedCallTests {
    static let encodings = [CompressionAlgorithm.deflate, .gzip]
    static let zeros = [UInt8](repeating: 0, count: 100_000)

    /// Answers each request with 1 when it came compressed, else with 0.
    static let tell = RPCHandler(
        Test.method("Tell", .bidirectionalStreaming)
    ) { requests, responses, call in
        for try await request in requests {
            #expect(request == zeros)
            try await responses.send([await call.requestWasCompressed ? 1 : 0])
        }
    }

    /// Answers the bytes 1 and 0 with a message each, compressed or not.
    static let squeeze = RPCHandler(
        Test.method("Squeeze", .serverStreaming)
    ) { requests, responses, call in
        let wanted = try await requests.single()
        await call.compressResponses()
        for byte in wanted { try await responses.send(zeros, compressed: byte == 1) }
    }

    @Test(arguments: encodings) func `requests are compressed one by one`(
        _ encoding: CompressionAlgorithm
    ) async throws {
        try await TestServer.with([Self.tell]) { test in
            let options = CallOptions(compression: encoding)
            let told = try await test.channel.withCall(Self.tell.method, options: options) { call in
                for compressed in [true, false, true] {
                    try await call.send(Self.zeros, compressed: compressed)
                }
                try await call.finishSending()
                var told: [[UInt8]] = []
                for try await answer in call.responses { told.append(answer) }
                return told
            }
            #expect(told == [[1], [0], [1]])
        }
    }

    @Test func `responses are compressed one by one`() async throws {
        try await TestServer.with([Self.squeeze]) { test in
            try await test.channel.withCall(Self.squeeze.method) { call in
                try await call.send([1, 0, 1])
                try await call.finishSending()
                for compressed in [true, false, true] {
                    let response = try await call.responses.next()
                    let flag = await call.responseWasCompressed
                    #expect(response == Self.zeros && flag == compressed)
                }
                let end = try await call.responses.next()
                #expect(end == nil)
            }
        }
    }

    @Test func `a unary call goes compressed as well`() async throws {
        try await TestServer.with(Test.all) { test in
            for encoding in CompressionAlgorithm.allCases {
                let answer = try await test.channel.unary(
                    Test.echo.method, Self.zeros, options: CallOptions(compression: encoding))
                #expect(answer == Self.zeros)
            }
        }
    }

    @Test func `what decompresses to more than the limit is RESOURCE_EXHAUSTED`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.maxMessageBytes = 99_999
        try await TestServer.with(Test.all, configuration: configuration) { test in
            await #expect(Self.status(Test.echo, Self.zeros, on: test) == .resourceExhausted)
            await #expect(Self.status(Test.echo, Array(Self.zeros.dropLast()), on: test) == nil)
            await #expect(Self.status(Test.collect, Self.zeros, on: test) == .resourceExhausted)
        }
    }

    @Test func `a bomb is RESOURCE_EXHAUSTED, whatever the limit`() async throws {
        try await TestServer.with(Test.all) { test in
            let bomb = [UInt8](repeating: 0, count: 3 << 20)
            await #expect(Self.status(Test.echo, bomb, on: test) == .resourceExhausted)
        }
    }

    @Test func `who sends bombs again and again is cut off`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.http2.strikeBurst = 3
        configuration.http2.strikesPerSecond = 0
        try await TestServer.with(Test.all, configuration: configuration) { test in
            let bomb = [UInt8](repeating: 0, count: 3 << 20)
            for _ in 0..<3 {
                await #expect(Self.status(Test.echo, bomb, on: test) == .resourceExhausted)
            }
            #expect(test.hits(.messageBytes) == 3 && test.hits(.bombs) == 0)
            await #expect(Self.status(Test.echo, bomb, on: test) != nil)
            #expect(test.hits(.messageBytes) == 4 && test.hits(.bombs) == 1)
            // On a connection of its own.
            await #expect(Self.status(Test.echo, Self.zeros, on: test) == nil)
        }
    }

    @Test func `what a handler holds counts as large as it has grown`() async throws {
        let (started, gate) = (Tally(), Tally())
        let holding = RPCHandler(Test.method("Holding", .unary)) { requests, responses, _ in
            _ = try await requests.single()
            started.add()
            await until { gate.value == 1 }
            try await responses.send([])
        }
        var configuration = RPCServerConfiguration()
        configuration.maxMemoryBytes = 712_800
        let large = [UInt8](repeating: 0, count: 270_000)
        try await TestServer.with([holding], configuration: configuration) { test in
            let options = CallOptions(compression: .gzip)
            async let held = test.channel.unary(holding.method, large, options: options)
            await until { started.value == 1 }
            await #expect(Self.status(holding, large, on: test) == .resourceExhausted)
            #expect(test.hits(.memory) == 1 && started.value == 1)
            gate.add()
            _ = try await held
            await #expect(Self.status(holding, large, on: test) == nil)
            #expect(started.value == 2)
        }
    }

    private static func status(
        _ handler: RPCHandler, _ message: [UInt8], on test: TestServer
    ) async -> RPCStatusCode? {
        await .thrown {
            _ = try await test.channel.unary(
                handler.method, message,
                options: CallOptions(timeout: .seconds(600), compression: .gzip))
        }
    }
}

@Suite struct CompressionAlgorithmTests {
    @Test func `lists of encodings are read however they are spelt`() {
        for list in [
            "gzip,deflate", "identity, deflate, gzip", " deflate ,br,gzip", "gzip ,deflate,",
        ] {
            let accepted = accepted(list)
            #expect(accepted.gzip && accepted.deflate, "\(list)")
        }
        for list in ["", ",", " ", "br", "identity", "gzipp", "x-gzip", "gzip deflate"] {
            #expect(accepted(list) == AcceptedEncodings(), "\(list)")
        }
    }

    @Test func `a client gets the encoding that it uses itself, if it takes it`() {
        let both = accepted("deflate,gzip")
        #expect(both.best(preferring: .deflate) == .deflate)
        #expect(both.best(preferring: .identity) == .gzip)
        #expect(accepted("gzip").best(preferring: .deflate) == .gzip)
        #expect(accepted("deflate").best(preferring: .gzip) == .deflate)
        #expect(accepted("br").best(preferring: .gzip) == .identity)
    }

    @Test func `a message that compressing would not shrink goes as it is`() {
        for message in [[], [1], Array(0...255)] as [[UInt8]] {
            #expect(CompressionAlgorithm.gzip.pack(message) == FramedMessage(message))
        }
        #expect(CompressionAlgorithm.gzip.pack(CompressedCallTests.zeros).isCompressed)
        let plain = CompressionAlgorithm.identity.pack(CompressedCallTests.zeros)
        #expect(plain == FramedMessage(CompressedCallTests.zeros))
    }

    @Test func `a damaged message is INTERNAL`() {
        let packed = CompressionAlgorithm.gzip.pack(CompressedCallTests.zeros).bytes
        for damaged in [[], [1, 2, 3], Array(packed.dropLast()), packed + [0]] {
            let error = #expect(throws: RPCError.self) {
                try CompressionAlgorithm.gzip.unpack(damaged, maxMessageBytes: 1 << 20)
            }
            #expect(error?.code == .internalError)
        }
    }

    private func accepted(_ list: String) -> AcceptedEncodings {
        let bytes = Array(list.utf8)
        return AcceptedEncodings(bytes.span)
    }
}
