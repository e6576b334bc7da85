import HTTP2
import Testing

/// What a peer hears that broke a limit.
@Suite struct CutOffTests {
    private static let greeting =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(type: 4, flags: 0, stream: 0, [])

    /// GOAWAY with ENHANCE_YOUR_CALM and that text, as the last of the bytes.
    private static func farewell(_ text: String, lastStream: UInt32 = 0) -> [UInt8] {
        let last = withUnsafeBytes(of: lastStream.bigEndian) { Array($0) }
        return frame(type: 7, flags: 0, stream: 0, last + [0, 0, 0, 11] + Array(text.utf8))
    }

    private static let ping = frame(type: 6, flags: 0, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8])

    @Test func `who pings too often hears what gRPC clients understand`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        for _ in 0..<4 { try pair.server.receive(Self.ping.span) }
        let output = try Pair.output(of: pair.server)
        let farewell = Self.farewell("too_many_pings")
        #expect(output.suffix(farewell.count) == farewell[...])
        #expect(pair.server.isFinished)
        #expect(pair.serverSide.hits == [.pings])
    }

    @Test func `nothing follows the goodbye, and nothing is heard after it`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        let request = frame(type: 1, flags: 4, stream: 1, [0x83, 0x86, 0x84, 0x01, 1, 0x61])
        try pair.server.receive(request.span)
        let stream = pair.serverSide.streams[0]
        stream.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
        for _ in 0..<4 { try pair.server.receive(Self.ping.span) }
        stream.send([UInt8](repeating: 1, count: 1_000), head: ChunkHead())
        let output = try Pair.output(of: pair.server)
        let farewell = Self.farewell("too_many_pings", lastStream: 1)
        #expect(output.suffix(farewell.count) == farewell[...])

        try pair.server.receive(request.span)
        #expect(pair.serverSide.streams.count == 1)
        #expect(try Pair.output(of: pair.server).isEmpty)
    }

    @Test(
        arguments: [
            (0, 1, [], "too_many_empty_frames"),
            (2, 1, [0, 0, 0, 0, 0], "too_many_empty_frames"),
            (8, 0, [0, 0, 0, 1], "too_many_empty_frames"),
            (3, 1, [0, 0, 0, 8], "too_many_resets"),
        ] as [(UInt8, UInt32, [UInt8], String)])
    func `floods end with a reason`(
        _ type: UInt8, _ stream: UInt32, _ payload: [UInt8], _ reason: String
    ) throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        let request = frame(type: 1, flags: 4, stream: 1, [0x83, 0x86, 0x84, 0x01, 1, 0x61])
        try pair.server.receive(request.span)
        let one = frame(type: type, flags: 0, stream: stream, payload)
        for _ in 0..<1_100 { try pair.server.receive(one.span) }
        let output = try Pair.output(of: pair.server)
        let farewell = Self.farewell(reason, lastStream: 1)
        #expect(output.suffix(farewell.count) == farewell[...])
        #expect(pair.serverSide.hits.count == 1)
    }

    /// POST / with `content-length: 0`.
    private static let emptyRequest: [UInt8] = [
        0x83, 0x86, 0x84, 0x01, 1, 0x61, 0x0f, 0x0d, 1, UInt8(ascii: "0"),
    ]

    @Test func `who has us reset its streams is cut off like who resets them`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        for index: UInt32 in 0..<1_100 {
            let stream = 2 * index + 1
            // More than it announced: PROTOCOL_ERROR.
            let broken =
                frame(type: 1, flags: 4, stream: stream, Self.emptyRequest)
                + frame(type: 0, flags: 0, stream: stream, [1])
            try pair.server.receive(broken.span)
            _ = try Pair.output(of: pair.server)
        }
        #expect(pair.server.isCutOff)
        #expect(pair.serverSide.streams.count <= 1_001)
        #expect(pair.serverSide.hits == [.streamResets])
    }

    @Test func `a stream that both sides have ended earns no reset`() throws {
        var configuration = HTTP2Configuration()
        configuration.streamResetBurst = 2
        configuration.streamResetsPerSecond = 0
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        for stream: UInt32 in [1, 3, 5] {
            let request = frame(type: 1, flags: 5, stream: stream, Self.emptyRequest)
            try pair.server.receive(request.span)
            pair.serverSide.streams.last?.respond(
                HTTP2SessionTests.ok, HeaderFields(), end: true)
            _ = try Pair.output(of: pair.server)
        }
        for stream: UInt32 in [1, 3, 5] {
            let reset = frame(type: 3, flags: 0, stream: stream, [0, 0, 0, 8])
            try pair.server.receive(reset.span)
        }
        #expect(pair.serverSide.hits == [.streamResets])
    }

    @Test func `a header block without end is cut off while it arrives`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.server.receive(Self.greeting.span)
        try pair.server.receive(frame(type: 1, flags: 0, stream: 1, [0x83]).span)
        for _ in 0..<9 {
            try pair.server.receive(frame(type: 9, flags: 0, stream: 1, [0x84]).span)
        }
        let output = try Pair.output(of: pair.server)
        let farewell = Self.farewell("too_many_continuations")
        let again = Self.farewell("too_many_continuations", lastStream: 1)
        #expect(
            output.suffix(farewell.count) == farewell[...]
                || output.suffix(again.count) == again[...])
        #expect(pair.serverSide.hits == [.continuations])
    }

    @Test func `a fair client of a long stream is never cut off`() throws {
        var configuration = HTTP2Configuration()
        configuration.emptyFrameBurst = 10
        configuration.emptyFramesPerSecond = 0
        var small = HTTP2Configuration()
        small.streamWindowBytes = 2_000
        let pair = try Pair(client: small, server: configuration)
        defer { pair.close() }
        let stream = RecordedStream()
        try pair.request(stream, end: true)
        try pair.run()
        let served = pair.serverSide.streams[0]
        served.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
        for _ in 0..<100 {
            served.send([UInt8](repeating: 1, count: 5_000), head: ChunkHead())
            try pair.run()
        }
        #expect(stream.body.count == 500_000)
        #expect(pair.serverSide.hits.isEmpty)
    }
}
