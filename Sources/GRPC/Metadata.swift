package import HTTP2

/// What goes with a call besides its messages: names and values, in order, names in lower case.
///
/// Values are printable ASCII; those of names that end in `-bin` are bytes, in base64 on the wire.
public struct Metadata: Sendable, Hashable {
    /// As on the wire.
    var fields: HeaderFields

    public init() { fields = HeaderFields() }

    /// Takes over fields that came from a peer.
    package init(received fields: HeaderFields) { self.fields = fields }

    public var isEmpty: Bool { fields.isEmpty }
    public var count: Int { fields.count }

    /// Adds a text value. White space around it is dropped.
    ///
    /// - Returns: False, and nothing is added, when the name is not one (`[0-9a-z_.-]+` in any case,
    ///   not ending in `-bin`, not gRPC's own) or the value isn't printable ASCII.
    @discardableResult
    public mutating func append(_ name: String, _ value: String) -> Bool {
        let name = name.lowercased()
        guard Self.isName(name), !name.hasSuffix("-bin"),
            value.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
        else { return false }
        let trimmed = value.utf8.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed()
        fields.append(name, Array(trimmed))
        return true
    }

    /// Adds bytes; the name ends in `-bin`.
    ///
    /// - Returns: False, and nothing is added, when the name is not such a name.
    @discardableResult
    public mutating func appendBinary(_ name: String, _ value: [UInt8]) -> Bool {
        let name = name.lowercased()
        guard Self.isName(name), name.hasSuffix("-bin") else { return false }
        fields.append(name, Base64.encode(value))
        return true
    }

    public mutating func append(contentsOf other: Metadata) {
        fields.append(contentsOf: other.fields)
    }

    /// The first text value of that name; for a `-bin` name the base64 of it. What isn't printable
    /// ASCII in it is `?`.
    public func first(_ name: String) -> String? {
        var found: String?
        fields.visit { candidate, value in
            if found == nil && candidate.equals(text: name) { found = Self.text(value) }
        }
        return found
    }

    public func values(_ name: String) -> [String] {
        var found: [String] = []
        fields.visit { candidate, value in
            if candidate.equals(text: name) { found.append(Self.text(value)) }
        }
        return found
    }

    /// HTTP/2 lets any bytes pass, and comparing text with combining marks can cost the square of its
    /// length.
    private static func text(_ value: Span<UInt8>) -> String {
        let printable: ClosedRange<UInt8> = 0x20...0x7e
        if value.indices.allSatisfy({ printable.contains(value[$0]) }) { return String(value) }
        let bytes = value.indices.map { printable.contains(value[$0]) ? value[$0] : 0x3f }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Every value of a `-bin` name. A value may hold several, separated by commas. What isn't
    /// base64 is left out.
    public func binary(_ name: String) -> [[UInt8]] {
        values(name).flatMap { value in
            value.utf8.split(separator: 0x2c, omittingEmptySubsequences: false).compactMap {
                Base64.decode(Array($0.filter { $0 != 0x20 }))
            }
        }
    }

    /// All of it, as text, in order.
    public var pairs: [(name: String, value: String)] {
        var pairs: [(String, String)] = []
        fields.visit { name, value in pairs.append((String(name), Self.text(value))) }
        return pairs
    }

    private static let reserved: Set<String> = [
        "te", "content-type", "host", "connection", "keep-alive", "transfer-encoding", "upgrade",
        "proxy-connection", "content-length",
    ]

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 256 && !name.hasPrefix("grpc-")
            && !reserved.contains(name)
            && name.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0)
                    || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
            }
    }
}
