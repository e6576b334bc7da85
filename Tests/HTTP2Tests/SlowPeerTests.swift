import HTTP2
import Testing

@Suite struct SlowPeerTests {
    @Test func `an abandoned stream ends at once, past what the peer's window holds back`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let stream = RecordedStream()
        stream.consumes = false
        try pair.request(stream, end: true)
        try pair.run()
        let served = pair.serverSide.streams[0]
        served.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
        served.send([UInt8](repeating: 1, count: 1_000_000), head: ChunkHead())
        try pair.run()
        #expect(served.unsentBytes > 0)

        served.abandon(trailers: HTTP2SessionTests.done, HeaderFields())
        try pair.run()
        #expect(stream.value("x-status") == "0")
        #expect(stream.ended)
        #expect(stream.closedWith == .noError)
        #expect(served.closedWith == .noError)
    }

    @Test func `the end of an abandoned stream comes before the end of the connection`() throws {
        let pair = try Pair()
        defer { pair.close() }
        let stream = RecordedStream()
        try pair.request(stream, end: true)
        try pair.run()
        let served = pair.serverSide.streams[0]
        served.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
        served.abandon(trailers: HTTP2SessionTests.done, HeaderFields())
        pair.server.refuseNewStreams()
        try pair.run()
        #expect(stream.value("x-status") == "0")
        #expect(stream.closedWith == .noError)
        #expect(pair.server.isFinished)
    }

    /// Streams over the limit cost the peer nine bytes and more each, and us a refusal that waits.
    @Test func `a peer that reads none of what it causes is cut off`() throws {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 10
        configuration.maxWaitingFrames = 1_000
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.server.receive(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8).span)
        try pair.server.receive([0, 0, 0, 4, 0, 0, 0, 0, 0].span)
        for id: UInt32 in 0..<2_000 {
            try pair.server.receive(Self.request(stream: 2 * id + 1).span)
        }
        #expect(pair.server.isCutOff)
        #expect(pair.serverSide.hits.last == .waitingFrames)
        #expect(pair.serverSide.hits.filter { $0 == .concurrentStreams }.count >= 990)
    }

    @Test func `a window that opens again is told though the stream has ended`() throws {
        var configuration = HTTP2Configuration()
        configuration.streamWindowBytes = 100_000
        configuration.connectionWindowBytes = 100_000
        configuration.maxBufferedBytes = 50_000
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        let stream = RecordedStream()
        try pair.request(stream, end: false)
        try pair.run()
        let served = pair.serverSide.streams[0]
        served.consumes = false
        stream.send([UInt8](repeating: 1, count: 90_000), head: ChunkHead())
        stream.end()
        try pair.run()
        let asked = pair.serverSide.outputAsked
        served.consume(served.unconsumed)
        #expect(pair.serverSide.outputAsked > asked)
    }

    /// HEADERS with all of a request in HPACK's static table, but for its authority.
    private static func request(stream: UInt32) -> [UInt8] {
        let id = withUnsafeBytes(of: stream.bigEndian) { Array($0) }
        let block: [UInt8] = [0x83, 0x86, 0x84, 0x01, 1, UInt8(ascii: "a")]
        return [0, 0, UInt8(block.count), 1, 5] + id + block
    }
}
