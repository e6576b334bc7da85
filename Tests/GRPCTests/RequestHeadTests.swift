import HTTP2
import IO
import Testing

@testable import GRPC

/// Paths that are none. Comparing and cutting text with combining marks costs the square of their
/// number, so no text is made of such a path.
@Suite struct RequestHeadTests {
    private let router = Router(
        [TestServer.Handlers(rpcHandlers: Test.all)],
        resources: [PlainResource(path: "/open", contentType: "text/plain") { [1] }])

    private func verdict(_ method: String, _ path: [UInt8]) -> RequestHead.Verdict {
        var head = RequestHead()
        let fields = [
            (":method", Array(method.utf8)), (":path", path),
            ("content-type", Array((method == "POST" ? "application/grpc" : "text/plain").utf8)),
        ]
        for (name, value) in fields {
            head.receive(Array(name.utf8).span, value.span, router)
        }
        return head.verdict(
            headersTooLarge: false, router: router, peer: .ipv4([127, 0, 0, 1], port: 5))
    }

    private static let odd: [[UInt8]] = [
        Array("\u{301}".utf8), [0xff], [0x20], [0x7f], [0x09],
        Array((String(repeating: "\u{301}", count: 3_000) + "\u{316}").utf8),
    ]

    @Test(arguments: odd) func `a call to one is UNIMPLEMENTED without a word of it`(
        _ odd: [UInt8]
    ) {
        for path in [odd, Array("/test.Service/a".utf8) + odd, Array("/a".utf8) + odd + [0x2f]] {
            guard case .refuse(let error) = verdict("POST", path) else {
                Issue.record("it was let in")
                continue
            }
            #expect(error.code == .unimplemented)
            #expect(error.message == "unknown service")
        }
    }

    @Test(arguments: odd) func `nothing is found there, nor with such a query`(_ odd: [UInt8]) {
        for path in [Array("/open".utf8) + odd, Array("/open?x=".utf8) + odd] {
            guard case .plain(let response) = verdict("GET", path) else {
                Issue.record("it was let in")
                continue
            }
            #expect(String(decoding: response.body, as: UTF8.self) == "not found\n")
        }
    }

    @Test func `an unknown path that is one is named`() {
        guard case .refuse(let error) = verdict("POST", Array("/test.Service/No~".utf8)) else {
            Issue.record("it was let in")
            return
        }
        #expect(error.message == "unknown method: /test.Service/No~")
    }
}
