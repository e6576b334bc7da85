import HTTP2
import Telemetry
import Testing

@testable import GRPC

@Suite struct PeerBooksTests {
    private static let start = MonotonicTime.zero + .seconds(100)

    private static func books() -> PeerBooks {
        var configuration = RPCServerConfiguration()
        configuration.maxConnectionsPerPeer = 2
        configuration.cutOffBurst = 3
        configuration.cutOffsPerSecond = 1
        return PeerBooks(configuration)
    }

    @Test func `each address has so many connections at once`() {
        var books = Self.books()
        books.opened("a")
        #expect(books.refusal(of: "a", at: Self.start) == nil)
        books.opened("a")
        #expect(books.refusal(of: "a", at: Self.start) == .connectionsPerPeer)
        #expect(books.refusal(of: "b", at: Self.start) == nil)
        books.closed("a", at: Self.start)
        #expect(books.refusal(of: "a", at: Self.start) == nil)
    }

    @Test func `who was cut off too often stays out until the time has passed`() {
        var books = Self.books()
        for _ in 0..<3 {
            #expect(books.refusal(of: "a", at: Self.start) == nil)
            books.opened("a")
            books.cutOff("a", at: Self.start)
            books.closed("a", at: Self.start)
        }
        #expect(books.refusal(of: "a", at: Self.start) == .cutOffs)
        #expect(books.refusal(of: "b", at: Self.start) == nil)
        #expect(books.refusal(of: "a", at: Self.start + .milliseconds(900)) == .cutOffs)
        #expect(books.refusal(of: "a", at: Self.start + .seconds(1)) == nil)
    }

    @Test func `good connections don't wash cut-offs away`() {
        var books = Self.books()
        for _ in 0..<3 {
            books.opened("a")
            books.opened("a")
            books.cutOff("a", at: Self.start)
            books.closed("a", at: Self.start)
            books.closed("a", at: Self.start)
        }
        #expect(books.refusal(of: "a", at: Self.start) == .cutOffs)
    }

    @Test func `a crowd of addresses that were cut off is forgotten rather than kept`() {
        var books = Self.books()
        func cutOff(_ name: String, times: Int) {
            for _ in 0..<times {
                books.opened(name)
                books.cutOff(name, at: Self.start)
                books.closed(name, at: Self.start)
            }
        }
        cutOff("first", times: 3)
        #expect(books.refusal(of: "first", at: Self.start) == .cutOffs)
        for number in 0..<4_096 { cutOff("crowd \(number)", times: 1) }
        #expect(books.refusal(of: "first", at: Self.start) == nil)
        cutOff("last", times: 3)
        #expect(books.refusal(of: "last", at: Self.start) == .cutOffs)
    }
}
