import HTTP2
import Testing

@Suite struct HTTP2SessionTests {
    static let ok = FixedHeaders([":status": "200"])
    static let done = FixedHeaders(["x-status": "0"])

    @Test func `a request and its answer cross with bodies and trailers`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let stream = RecordedStream()
        try pair.request(stream, [("x-a", "1")], end: false)
        stream.send([1, 2, 3], head: ChunkHead(flag: 0, length: 3))
        stream.end()
        try pair.run()
        let served = try #require(pair.serverSide.streams.first)
        #expect(served.value("x-a") == "1")
        #expect(served.body == [0, 0, 0, 0, 3, 1, 2, 3])
        #expect(served.ended)

        served.respond(Self.ok, HeaderFields(), end: false)
        served.send([9], head: ChunkHead())
        served.end(trailers: Self.done, HeaderFields())
        try pair.run()
        #expect(stream.body == [9])
        #expect(stream.value(":status") == "200")
        #expect(stream.value("x-status") == "0")
        #expect(stream.closedWith == .noError)
        #expect(served.closedWith == .noError)
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
    }

    @Test func `a server that is done first tells its client to stop`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let stream = RecordedStream()
        try pair.request(stream, end: false)
        try pair.run()
        pair.serverSide.streams[0].respond(Self.ok, HeaderFields(), end: true)
        try pair.run()
        #expect(stream.ended)
        #expect(stream.closedWith == .noError)
        #expect(pair.server.streamCount == 0)
    }

    @Test func `a stream that nobody consumes stops its sender at the window, and only it`() throws
    {
        var configuration = HTTP2Configuration()
        configuration.streamWindowBytes = 70_000
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        let (stalled, other) = (RecordedStream(), RecordedStream())
        try pair.request(stalled, end: false)
        try pair.request(other, end: false)
        try pair.run()
        let served = pair.serverSide.streams
        served[0].consumes = false
        for stream in [stalled, other] {
            for _ in 0..<30 { stream.send([UInt8](repeating: 1, count: 10_000), head: ChunkHead()) }
            stream.end()
        }
        try pair.run()
        #expect(served[0].body.count == 70_000)
        #expect(stalled.unsentBytes == 230_000)
        #expect(served[1].body.count == 300_000)
        #expect(served[1].ended)

        served[0].consumes = true
        served[0].consume(served[0].unconsumed)
        try pair.run()
        #expect(served[0].body.count == 300_000)
    }

    @Test func `above what may be buffered the connection's window stays shut`() throws {
        var configuration = HTTP2Configuration()
        configuration.streamWindowBytes = 100_000
        configuration.connectionWindowBytes = 100_000
        configuration.maxBufferedBytes = 150_000
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        let streams = (0..<10).map { _ in RecordedStream() }
        for stream in streams { try pair.request(stream, end: false) }
        try pair.run()
        for stream in pair.serverSide.streams { stream.consumes = false }
        for stream in streams {
            stream.send([UInt8](repeating: 1, count: 90_000), head: ChunkHead())
        }
        try pair.run()
        let held = pair.serverSide.streams.map(\.unconsumed).reduce(0, +)
        #expect(held >= 150_000 && held <= 250_000)
        for stream in pair.serverSide.streams {
            stream.consumes = true
            stream.consume(stream.unconsumed)
        }
        try pair.run()
        #expect(pair.serverSide.streams.map(\.body.count).reduce(0, +) == 900_000)
    }

    @Test func `a header list over the limit is marked, and the connection lives`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let large = RecordedStream()
        try pair.request(large, [("x", String(repeating: "y", count: 20_000))], end: true)
        try pair.run()
        #expect(pair.serverSide.streams[0].headersTooLarge)
        #expect(pair.serverSide.streams[0].value("x") == nil)
        let many = RecordedStream()
        try pair.request(many, (0..<200).map { ("x-\($0)", "") }, end: true)
        try pair.run()
        #expect(pair.serverSide.streams[1].headersTooLarge)
        #expect(pair.serverSide.streams[1].headers.count <= 128)
        let fine = RecordedStream()
        try pair.request(fine, end: true)
        try pair.run()
        #expect(!pair.serverSide.streams[2].headersTooLarge)
    }

    /// One long value in the dynamic table, then thousands of one-byte references to it.
    @Test func `an HPACK bomb ends the connection and reaches nobody`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.run()
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: 4_000)
        // :method POST, :scheme http, :path /, then a literal with indexing (RFC 7541 §6.2.1).
        var block: [UInt8] = [0x83, 0x86, 0x84, 0x40, 1, UInt8(ascii: "x")]
        block += [0x7f, 0xa1, 0x1e] + value
        block += [UInt8](repeating: 0xbe, count: 12_000)
        try pair.server.receive(frame(type: 1, flags: 4 | 1, stream: 1, block).span)
        let received = pair.serverSide.streams.first?.headers.count ?? 0
        #expect(received < 10)
        let output = try Pair.output(of: pair.server)
        #expect(!output.isEmpty)
        #expect(pair.server.isFinished)
    }

    @Test func `a flood of resets ends the connection`() throws {
        var configuration = HTTP2Configuration()
        configuration.streamResetBurst = 50
        configuration.streamResetsPerSecond = 1
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        for _ in 0..<200 {
            let stream = RecordedStream()
            guard (try? pair.request(stream, end: false)) != nil else { break }
            try pair.run()
            stream.reset(.cancel)
            try pair.run()
        }
        #expect(pair.clientSide.goAway != nil)
        #expect(pair.serverSide.streams.count < 100)
    }

    @Test func `more streams than allowed are not served`() throws {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 5
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        for _ in 0..<20 { try pair.request(RecordedStream(), end: false) }
        try pair.run()
        #expect(pair.serverSide.streams.count == 5)
        // They wait in the client, and come as room is made.
        for stream in pair.serverSide.streams { stream.respond(Self.ok, HeaderFields(), end: true) }
        try pair.run()
        #expect(pair.serverSide.streams.count == 10)
    }

    @Test func `a shutdown lets open streams end and takes no new ones`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let open = RecordedStream()
        try pair.request(open, end: true)
        try pair.run()
        pair.server.announceShutdown()
        try pair.run()
        #expect(pair.clientSide.goAway == .noError)
        pair.server.refuseNewStreams()
        try pair.run()
        #expect(throws: HTTP2Error.self) { try pair.request(RecordedStream(), end: true) }
        pair.serverSide.streams[0].respond(Self.ok, HeaderFields(), end: true)
        try pair.run()
        #expect(open.closedWith == .noError)
        #expect(pair.server.isFinished)
    }

    @Test func `requests that a goaway overtook are refused, not lost`() throws {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 1
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        let (first, second) = (RecordedStream(), RecordedStream())
        try pair.request(first, end: true)
        try pair.request(second, end: true)
        try pair.run()
        pair.server.refuseNewStreams()
        pair.serverSide.streams[0].respond(Self.ok, HeaderFields(), end: true)
        try pair.run()
        #expect(first.closedWith == .noError)
        #expect(second.closedWith == .refusedStream)
    }

    @Test func `a ping comes back`() throws {
        let pair = try Pair()
        defer { pair.close() }
        pair.client.ping(0x0102_0304_0506_0708)
        try pair.run()
        #expect(pair.clientSide.pongs == [0x0102_0304_0506_0708])
    }

    @Test func `garbage ends the connection with an error`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let garbage = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        #expect(throws: HTTP2Error.self) { try pair.server.receive(garbage.span) }
    }

    @Test func `when the connection goes every stream hears of it`() throws {
        let pair = try Pair()
        let stream = RecordedStream()
        try pair.request(stream, end: false)
        try pair.run()
        pair.close()
        #expect(stream.closedWith == .connectionLost)
        #expect(pair.serverSide.streams[0].closedWith == .connectionLost)
        #expect(stream.isClosed)
        stream.send([1], head: ChunkHead())
        #expect(stream.unsentBytes == 0)
    }
}
