/// A header of a request. What an operator wrote may be a credential: it shows its name alone.
public struct WebhookHeader: Sendable, Hashable {
    let name: String
    let value: String

    /// For headers of our own.
    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Of an operator. Nil when the name is one that Apus sets, or either can't be sent (RFC 9110 §5).
    public init?(checking name: String, _ value: String) {
        let lower = name.lowercased()
        guard (1...128).contains(name.utf8.count), name.utf8.allSatisfy(Self.isToken),
            !Self.reserved.contains(lower),
            !Self.reservedPrefixes.contains(where: { lower.hasPrefix($0) }),
            (1...4_096).contains(value.utf8.count), value.utf8.allSatisfy(Self.isVisible),
            value.first != " ", value.last != " "
        else { return nil }
        self.name = name
        self.value = value
    }

    private static let reservedPrefixes = ["ce-", "webhook-", "proxy-"]
    private static let reserved: Set<String> = [
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
        "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
        "user-agent",
    ]

    private static func isToken(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(character)
        }
    }

    private static func isVisible(_ character: UInt8) -> Bool {
        (0x20...0x7E).contains(character)
    }
}

extension WebhookHeader: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(name): …" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
