import Testing

@testable import Webhooks

@Suite struct AddressRulesTests {
    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0",
        "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255",
        "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2606:4700::1111", "2a00::1", "2001:200::1", "2001:db7::1", "2001:db9::1",
        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
    ])
    func `an address of the public internet passes`(_ address: String) throws {
        #expect(AddressRules.isPublic(try #require(SocketAddressText.bytes(address))))
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200",
        "100.127.255.255", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1",
        "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.0",
        "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1",
        "2001:1ff::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "3fff:fff::1",
        "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1",
        "ff02::1", "ffff::1",
    ])
    func `an address that only this machine or network reaches does not pass`(
        _ address: String
    ) throws {
        #expect(!AddressRules.isPublic(try #require(SocketAddressText.bytes(address))))
    }

    @Test func `what is no address of either version does not pass`() {
        #expect(!AddressRules.isPublic([]))
        #expect(!AddressRules.isPublic([8, 8, 8, 8, 8]))
        #expect(SocketAddressText.bytes("example.com") == nil)
        #expect(SocketAddressText.bytes("127.1") == nil)
    }

    @Test(arguments: [
        ("http://127.0.0.1/x", true), ("http://127.1:80/", true), ("http://0x7f000001/", true),
        ("http://2130706433/", true), ("https://[::1]:8443/", true),
        ("https://[::ffff:10.0.0.1]/", true), ("https://8.8.8.8/", false),
        ("https://example.com/", false),
    ])
    func `a URL's own address is known however it is written`(
        _ text: String, _ isPrivate: Bool
    ) throws {
        #expect(try #require(WebhookURL(text)).isPrivateAddress == isPrivate)
    }

    @Test func `a URL's target is its host and port, and nothing else of it`() {
        let targets = ["https://example.com/a?b", "http://example.com", "https://[2a00::1]:9/"]
            .map { WebhookURL($0)?.target }
        #expect(targets == ["example.com:443", "example.com:80", "[2a00::1]:9"])
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "https://", "https://user@example.com/", "https://user:pass@example.com/",
        "https://example.com/#part", "https://exa mple.com/", "https://example.com/\u{7F}",
        "https://example.com:99999/", "https://exämple.com/", "https:/\n/example.com",
    ])
    func `what is no URL of a web server, or holds credentials, is none`(_ text: String) {
        #expect(WebhookURL(text) == nil)
    }
}
