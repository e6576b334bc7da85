import IO
import Testing

@testable import GRPC

@Suite struct ClientTargetTests {
    @Test(arguments: [
        ("localhost:50053", ["localhost:50053"], "localhost:50053"),
        ("127.0.0.1:1", ["127.0.0.1:1"], "127.0.0.1:1"),
        ("[::1]:80", ["[::1]:80"], "[::1]:80"),
        ("dns:///apus.internal:443", ["apus.internal:443"], "apus.internal:443"),
        ("dns:apus.internal:443", ["apus.internal:443"], "apus.internal:443"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", ["10.0.0.1:1", "10.0.0.2:2"], "10.0.0.1:1"),
        ("a:1,b:2", ["a:1", "b:2"], "a:1"),
    ])
    func `hosts are read, and the first one is the authority`(
        text: String, hosts: [String], authority: String
    ) throws {
        let target = try #require(ClientTarget(text))
        guard case .hosts(let found) = target.place else {
            Issue.record("\(text) names hosts")
            return
        }
        #expect(found.map(\.description) == hosts)
        #expect(target.authority == authority)
        #expect(target.description == text)
    }

    @Test(arguments: [
        ("unix:/run/a.sock", "/run/a.sock"), ("unix:///run/a.sock", "/run/a.sock"),
        ("unix:a.sock", "a.sock"),
    ])
    func `a socket's path is an address whose authority is localhost`(
        text: String, path: String
    ) throws {
        let target = try #require(ClientTarget(text))
        #expect(target.place == .addresses([.unix(path: path)]))
        #expect(target.authority == "localhost")
    }

    @Test(arguments: [
        "", "nowhere", "a:", ":1", "a:0", "a:65536", "a:b", "a:1,", ",a:1", "unix:", "::1:80",
        "dns://8.8.8.8/a:1", "http://a:1", "a b:1",
    ])
    func `what names nobody is refused`(text: String) {
        #expect(ClientTarget(text) == nil)
    }

    @Test func `localhost is looked up, since it may be two addresses`() {
        #expect(ClientTarget.Host(name: "localhost", port: 1).address == nil)
        #expect(
            ClientTarget.Host(name: "127.0.0.1", port: 1).address
                == .ipv4([127, 0, 0, 1], port: 1))
    }
}

@Suite struct HealthMessagesTests {
    @Test func `a request is one string, left out when it is empty`() {
        #expect(HealthMessages.request("") == [])
        #expect(HealthMessages.request("ab") == [0x0a, 2, 0x61, 0x62])
        let long = HealthMessages.request(String(repeating: "a", count: 300))
        #expect(long.prefix(3) == [0x0a, 0xac, 0x02])
        #expect(long.count == 303)
    }

    @Test func `a response is one number, whatever else it holds`() {
        #expect(HealthMessages.status([]) == .unknown)
        #expect(HealthMessages.status([0x08, 1]) == .serving)
        #expect(HealthMessages.status([0x08, 2]) == .notServing)
        #expect(HealthMessages.status([0x08, 3]) == .serviceUnknown)
        #expect(HealthMessages.status([0x08, 9]) == .unknown)
        let others: [UInt8] =
            [0x12, 1, 0x61, 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 0x80, 1]
        #expect(HealthMessages.status(others + [0x08, 1]) == .serving)
    }

    @Test(
        arguments: [
            [0x08], [0x08, 0x80], [0x12, 5, 1], [0x1d, 1], [0x21, 1], [0x0b],
            [UInt8](repeating: 0x80, count: 11),
        ] as [[UInt8]])
    func `what isn't a response is none`(bytes: [UInt8]) {
        #expect(HealthMessages.status(bytes) == nil)
    }
}
