import IO
import Testing

@Suite struct SocketAddressTests {
    @Test func `numeric addresses are read and printed`() {
        #expect(SocketAddress(host: "127.0.0.1", port: 80)?.description == "127.0.0.1:80")
        #expect(SocketAddress(host: "::1", port: 80)?.description == "[::1]:80")
        #expect(SocketAddress(host: "[::1]", port: 80)?.host == "::1")
        #expect(SocketAddress(host: "localhost", port: 80)?.host == "127.0.0.1")
        #expect(SocketAddress.unix(path: "/tmp/x").description == "unix:/tmp/x")
    }

    @Test func `what is no numeric address is none`() {
        for host in ["", "example.org", "1.2.3", "1.2.3.4.5", "::g", "256.1.1.1"] {
            #expect(SocketAddress(host: host, port: 80) == nil, "\(host)")
        }
        #expect(SocketAddress(host: "127.0.0.1", port: 65_536) == nil)
        #expect(SocketAddress(host: "127.0.0.1", port: -1) == nil)
    }

    @Test func `loopback is known in every form`() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(SocketAddress(host: host, port: 1)?.isLoopback == true, "\(host)")
        }
        for host in ["0.0.0.0", "10.0.0.1", "::", "::2", "::ffff:10.0.0.1", "fe80::1"] {
            #expect(SocketAddress(host: host, port: 1)?.isLoopback == false, "\(host)")
        }
        #expect(SocketAddress.unix(path: "/x").isLoopback)
    }

    @Test func `a name that nobody knows is a bad address`() async {
        let error = await #expect(throws: IOError.self) {
            try await Resolver.addresses(host: "nowhere.invalid", port: 1)
        }
        #expect(error?.code == .badAddress)
    }

    @Test func `a name of this machine is found`() async throws {
        let addresses = try await Resolver.addresses(host: "LOCALHOST", port: 7)
        #expect(addresses.allSatisfy { $0.isLoopback && $0.port == 7 })
    }
}
