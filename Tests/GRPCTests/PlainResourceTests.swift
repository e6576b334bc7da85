import HTTP2
import IO
import Testing

@testable import GRPC

@Suite struct PlainResourceTests {
    private let router = Router(
        [TestServer.Handlers(rpcHandlers: Test.all)],
        resources: [
            PlainResource(path: "/open", contentType: "text/html") { Array("for all".utf8) },
            PlainResource(path: "/near", contentType: "text/plain", loopbackOnly: true) {
                Array("for this machine".utf8)
            },
        ])
    private let near = SocketAddress.ipv4([127, 0, 0, 1], port: 5)
    private let far = SocketAddress.ipv4([192, 0, 2, 1], port: 5)

    private func answer(_ method: String, _ path: String, _ peer: SocketAddress) -> PlainResponse? {
        var head = RequestHead()
        for (name, value) in [(":method", method), (":path", path)] {
            let (name, value) = (Array(name.utf8), Array(value.utf8))
            head.receive(name.span, value.span, router)
        }
        let verdict = head.verdict(headersTooLarge: false, router: router, peer: peer)
        guard case .plain(let response) = verdict else { return nil }
        return response
    }

    private func text(_ response: PlainResponse?) -> String {
        String(decoding: response?.body ?? [], as: UTF8.self)
    }

    @Test func `a resource is served with its type and length`() {
        for path in ["/open", "/open?x=1"] {
            let response = answer("GET", path, far)
            #expect(text(response) == "for all")
            #expect(response?.fields.first("content-type") == "text/html")
            #expect(response?.fields.first("content-length") == "7")
        }
        #expect(text(answer("GET", "/healthz", far)) == "ok\n")
    }

    @Test func `the answer to HEAD has the length and no body`() {
        let response = answer("HEAD", "/open", far)
        #expect(response?.body == [])
        #expect(response?.fields.first("content-length") == "7")
    }

    @Test func `what is for this machine alone is not found from elsewhere`() {
        #expect(text(answer("GET", "/near", near)) == "for this machine")
        #expect(text(answer("GET", "/near", .unix(path: "/run/a"))) == "for this machine")
        #expect(text(answer("GET", "/near", far)) == "not found\n")
        #expect(text(answer("GET", "/nowhere", near)) == "not found\n")
    }

    @Test func `other methods hear which ones there are`() {
        for method in ["POST", "PUT", "DELETE"] {
            #expect(text(answer(method, "/open", far)) == "method not allowed\n", "\(method)")
        }
        #expect(text(answer("GET", Test.echo.method.path, far)) == "method not allowed\n")
    }

    @Test func `the body is made for each request, and for no other`() {
        let made = Tally()
        let counting = PlainResource(path: "/counted", contentType: "text/plain") {
            made.add()
            return []
        }
        let router = Router([], resources: [counting])
        #expect(router.resource("/counted", for: far) != nil && made.value == 0)
        _ = PlainResponse(counting)
        _ = PlainResponse(counting)
        #expect(made.value == 2)
    }
}
