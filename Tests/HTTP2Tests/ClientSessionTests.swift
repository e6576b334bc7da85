import HTTP2
import Testing

/// What a client must know to send a request again elsewhere.
@Suite struct ClientSessionTests {
    @Test func `both sides hear of each other's settings`() throws {
        let pair = try Pair()
        defer { pair.close() }
        #expect(pair.clientSide.settings == 0)
        try pair.run()
        #expect(pair.clientSide.settings == 1)
        #expect(pair.serverSide.settings == 1)
    }

    @Test func `a request that the peer allows has left, and one that waits has not`() throws {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 1
        let pair = try Pair(server: configuration)
        defer { pair.close() }
        try pair.run()
        let (first, second) = (RecordedStream(), RecordedStream())
        try pair.request(first, end: true)
        try pair.request(second, end: true)
        #expect(!first.requestLeft)
        try pair.run()
        #expect(first.requestLeft)
        #expect(!second.requestLeft)
        pair.client.closeAllStreams(.connectionLost)
        #expect(second.closedWith == .connectionLost)
        #expect(!second.requestLeft)
    }

    @Test func `what a GOAWAY says of itself is heard as printable text`() throws {
        let pair = try Pair()
        defer { pair.close() }
        try pair.run()
        let text = Array("too_many_pings\n".utf8)
        var frame: [UInt8] = [0, 0, UInt8(8 + text.count), 7, 0, 0, 0, 0, 0]
        frame += [0, 0, 0, 0, 0, 0, 0, 11] + text
        try pair.client.receive(frame.span)
        #expect(pair.clientSide.goAway == .enhanceYourCalm)
        #expect(pair.clientSide.goAwayReason == "too_many_pings")
    }
}
