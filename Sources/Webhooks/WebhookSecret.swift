import Protobuf

/// A key for signatures, as Standard Webhooks writes it: `whsec_` and base64 of 24 to 64 bytes.
///
/// It shows itself nowhere: not in logs, not in dumps.
public struct WebhookSecret: Sendable, Hashable {
    let key: [UInt8]

    private static let prefix = "whsec_"

    /// Nil when the text is none.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix),
            let key = Base64.decode(String(text.dropFirst(Self.prefix.count))),
            (24...64).contains(key.count)
        else { return nil }
        self.key = key
    }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { Self.prefix + "…" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
