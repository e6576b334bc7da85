public import IO

/// Whom a channel talks to: names or addresses, all of which serve the same.
public struct ClientTarget: Sendable, Hashable, CustomStringConvertible {
    /// One host of the target.
    struct Host: Sendable, Hashable {
        /// Without brackets.
        let name: String
        let port: Int

        /// Nil when the name must be looked up. `localhost` is two addresses on most machines.
        var address: SocketAddress? {
            name == "localhost" ? nil : SocketAddress(host: name, port: port)
        }

        var description: String { name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)" }
    }

    enum Place: Sendable, Hashable {
        case hosts([Host])
        case addresses([SocketAddress])
    }

    let place: Place
    /// What `:authority` says, unless the configuration says otherwise.
    public let authority: String
    public let description: String

    public init(host: String, port: Int) {
        let host = Host(name: host, port: port)
        self.init([host], host.description)
    }

    /// - Precondition: At least one address.
    public init(addresses: [SocketAddress], authority: String? = nil) {
        precondition(!addresses.isEmpty, "A target without an address")
        place = .addresses(addresses)
        description = addresses.map(\.description).joined(separator: ",")
        if let authority {
            self.authority = authority
        } else if case .unix = addresses[0] {
            self.authority = "localhost"
        } else {
            self.authority = addresses[0].description
        }
    }

    /// `HOST:PORT`, several of them with commas between, `dns:///NAME:PORT`, `ipv4:…`, `ipv6:…`,
    /// `unix:PATH`. IPv6 addresses stand in brackets.
    ///
    /// - Returns: Nil when it is none of these.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            var path = text.dropFirst("unix:".count)
            if path.hasPrefix("//") { path = path.dropFirst(2) }
            guard !path.isEmpty else { return nil }
            self.init(addresses: [.unix(path: String(path))])
            return
        }
        var rest = text[...]
        for scheme in ["dns:///", "dns:", "ipv4:", "ipv6:"] where text.hasPrefix(scheme) {
            rest = text.dropFirst(scheme.count)
            break
        }
        var hosts: [Host] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            guard let host = Self.host(part) else { return nil }
            hosts.append(host)
        }
        self.init(hosts, text)
    }

    private init(_ hosts: [Host], _ description: String) {
        place = .hosts(hosts)
        authority = hosts[0].description
        self.description = description
    }

    /// The host of an authority, without port and brackets.
    static func host(of authority: String) -> String {
        host(authority[...])?.name ?? authority
    }

    private static func host(_ text: Substring) -> Host? {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var name = text[..<colon]
        if name.hasPrefix("["), name.hasSuffix("]") {
            name = name.dropFirst().dropLast()
        } else if name.contains(":") {
            return nil
        }
        guard !name.isEmpty, !name.contains("/"), !name.contains(" ") else { return nil }
        return Host(name: String(name), port: Int(port))
    }
}
