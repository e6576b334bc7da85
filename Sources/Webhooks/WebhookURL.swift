internal import CCurl
internal import Glibc

/// Where deliveries go: `http` or `https`, without credentials. Taken apart by libcurl, so that what was
/// checked is what is connected to.
///
/// It shows its host alone: paths and queries of webhooks often are secrets.
public struct WebhookURL: Sendable, Hashable {
    let text: String
    /// `example.com:443`; an IPv6 address in brackets.
    public let target: String
    /// The host is an address, and not one of the public internet.
    public let isPrivateAddress: Bool

    /// Nil when the text is no such URL.
    public init?(_ text: String) {
        guard text.utf8.count <= 2_048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let parts = URLParts(text), ["http", "https"].contains(parts[CURLUPART_SCHEME]),
            let host = parts[CURLUPART_HOST], let port = parts[CURLUPART_PORT],
            parts[CURLUPART_USER] == nil, parts[CURLUPART_PASSWORD] == nil,
            parts[CURLUPART_FRAGMENT] == nil
        else { return nil }
        self.text = text
        target = "\(host):\(port)"
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        isPrivateAddress = SocketAddressText.bytes(bare).map { !AddressRules.isPublic($0) } ?? false
    }
}

extension WebhookURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { target }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Owns a `CURLU`.
@safe
private final class URLParts {
    private let raw: OpaquePointer

    init?(_ text: String) {
        guard let raw = unsafe curl_url() else { return nil }
        unsafe self.raw = raw
        guard unsafe curl_url_set(raw, CURLUPART_URL, text, 0) == CURLUE_OK else { return nil }
    }

    deinit { unsafe curl_url_cleanup(raw) }

    subscript(part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let flags = UInt32(CURLU_DEFAULT_PORT)
        guard unsafe curl_url_get(raw, part, &text, flags) == CURLUE_OK, let text = unsafe text
        else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }
}

/// Addresses as text.
enum SocketAddressText {
    /// In network order, 4 or 16 bytes; nil when the text is no address.
    static func bytes(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if unsafe inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
