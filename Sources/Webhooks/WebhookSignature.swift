import Digests
import Protobuf

/// What proves to a receiver that a delivery is ours and fresh.
///
/// Source: Standard Webhooks 1.0.0, "Signature scheme".
enum WebhookSignature {
    /// The three headers.
    ///
    /// - Parameters:
    ///   - id: The same over attempts, so that a receiver knows a repeat. Holds no dot.
    ///   - timestamp: Seconds since 1970, of this attempt.
    ///   - secrets: Each makes a signature; the receiver needs to know one of them.
    static func headers(
        id: String, timestamp: Int64, body: [UInt8], secrets: [WebhookSecret]
    ) -> [WebhookHeader] {
        let content = Array("\(id).\(timestamp).".utf8) + body
        let signatures = secrets.map { secret in
            "v1," + Base64.encode(HMACSHA256.authenticate(content, key: secret.key).bytes)
        }
        return [
            WebhookHeader("webhook-id", id), WebhookHeader("webhook-timestamp", "\(timestamp)"),
            WebhookHeader("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
