import Testing

@testable import HTTP2

@Suite struct ClosedStreamsTests {
    @Test func `streams open in growing order, with gaps or without`() {
        var streams = ClosedStreams()
        for id: Int32 in [1, 3, 9, 2_147_483_647] { #expect(streams.headersBegin(id) == nil) }
    }

    @Test(arguments: [2_147_483_645, 2_147_483_646] as [Int32])
    func `the last of all numbers is one like others`(before: Int32) {
        var streams = ClosedStreams()
        for id in [before, 2_147_483_647] { #expect(streams.headersBegin(id) == nil) }
        #expect(streams.headersBegin(1) == .protocolError)
    }

    @Test func `a stream that its client ended hears nothing more`() {
        var streams = ClosedStreams()
        _ = streams.headersBegin(1)
        #expect(streams.dataBegins(1) == nil)
        #expect(streams.headersBegin(1) == nil, "trailers")
        streams.closed(1)
        #expect(streams.dataBegins(1) == .streamClosed)
        #expect(streams.headersBegin(1) == .streamClosed)
    }

    @Test func `a number that was skipped is not used later`() {
        var streams = ClosedStreams()
        _ = streams.headersBegin(5)
        _ = streams.headersBegin(7)
        #expect(streams.headersBegin(3) == .protocolError)
        #expect(streams.headersBegin(9) == nil)
    }

    @Test func `only the newest sixteen are known, and nothing is said of the others`() {
        var streams = ClosedStreams()
        for id in stride(from: Int32(1), through: 33, by: 2) {
            _ = streams.headersBegin(id)
            streams.closed(id)
        }
        #expect(streams.dataBegins(1) == nil)
        #expect(streams.dataBegins(3) == .streamClosed)
        #expect(streams.dataBegins(33) == .streamClosed)
    }

    @Test func `stream 0 is the library's affair`() {
        #expect(ClosedStreams().dataBegins(0) == nil)
    }
}
