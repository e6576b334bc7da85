import Protobuf
import Testing

@testable import Webhooks

@Suite struct WebhookSignatureTests {
    @Test func `the example of Standard Webhooks comes out`() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let headers = WebhookSignature.headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330,
            body: Array(#"{"test": 2432232314}"#.utf8), secrets: [secret])
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(
            headers.map(\.value) == [
                "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ])
    }

    @Test func `each secret signs, in the order of the configuration`() throws {
        let secrets = [UInt8(1), 2].compactMap { WebhookSecret(Self.text($0)) }
        func signature(_ secrets: [WebhookSecret]) throws -> String {
            let headers = WebhookSignature.headers(
                id: "a", timestamp: 1, body: [], secrets: secrets)
            return try #require(headers.last).value
        }
        let both = try signature(secrets)
        #expect(both == "\(try signature([secrets[0]])) \(try signature([secrets[1]]))")
    }

    @Test func `a secret is whsec_ and base64 of 24 to 64 bytes`() {
        #expect(WebhookSecret("whsec_" + String(repeating: "A", count: 32)) != nil)
        #expect(WebhookSecret("whsec_" + String(repeating: "A", count: 84) + "AA==") != nil)
        for wrong in [
            "", "whsec_", String(repeating: "A", count: 32),
            "whsec_" + String(repeating: "A", count: 28),
            "whsec_" + String(repeating: "A", count: 88),
            "whsec_" + String(repeating: "!", count: 32),
            "whsec_" + String(repeating: "A", count: 33),
        ] {
            #expect(WebhookSecret(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `neither secrets nor headers nor URLs show what is secret in them`() throws {
        let secret = try #require(WebhookSecret(Self.text(7)))
        let header = try #require(WebhookHeader(checking: "Authorization", "Bearer sesame"))
        let url = try #require(WebhookURL("https://example.com/sesame?key=sesame"))
        var receiver = WebhookReceiver(url: url, secrets: [secret])
        receiver.headers = [header]
        let endpoint = WebhookEndpoint(name: "a", types: [], receiver: receiver)
        var dumped = ""
        dump(endpoint, to: &dumped)
        for text in ["\(endpoint)", String(reflecting: endpoint), dumped] {
            #expect(!text.contains("sesame"), "\(text)")
            #expect(!text.contains("[7, 7") && !text.contains("BwcH"), "\(text)")
        }
    }

    /// A secret of 24 equal bytes.
    private static func text(_ byte: UInt8) -> String {
        "whsec_" + Base64.encode([UInt8](repeating: byte, count: 24))
    }
}
