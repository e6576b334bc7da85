import Configuration
import Events
import Webhooks

extension WebhookEndpoint {
    /// `webhooks`: a list of endpoints, each of a name of its own.
    ///
    /// - Parameter taken: Names of handlers.
    static func read(_ root: ConfigurationSection, taken: Set<String>) -> [WebhookEndpoint] {
        var names = taken
        let endpoints = root.sections("webhooks") { section -> WebhookEndpoint? in
            guard let endpoint = WebhookEndpoint(section) else { return nil }
            if !names.insert(endpoint.name).inserted {
                section.refuse("name", "is the name of another webhook or handler")
            }
            return endpoint.options.isEnabled ? endpoint : nil
        }
        return endpoints ?? []
    }

    /// Nil when something is wrong without which there is no endpoint.
    private init?(_ section: ConfigurationSection) {
        section.require("name", "url", "types")
        let name = section.value("name", "must match [a-z0-9-]{1,64}") { text in
            HandlerName.isValid(text) ? text : nil
        }
        let types = section.values(
            "types", count: 1...100, "must be a pattern of types, such as order.*"
        ) {
            TypePattern($0)
        }
        let receiver = WebhookReceiver(section)
        let mode: Mode? = section.choice(
            "mode", [("binary", .binary), ("structured", .structured)])
        let tenants = section.values("tenants", "must be a tenant: [A-Za-z0-9._-]{1,64}") {
            TenantID($0)
        }
        let options = HandlerOptions(webhook: section)
        guard let name, let types, let receiver else { return nil }
        self.init(name: name, types: types, receiver: receiver, options: options)
        self.mode = mode ?? self.mode
        self.tenants = tenants.map { Set($0) }
    }
}

extension WebhookReceiver {
    /// Nil when something is wrong without which there is none. That the URL is missing is the caller's
    /// to say.
    init?(_ section: ConfigurationSection) {
        let url = section.value(
            "url", "must be a URL of http or https, without credentials and fragment"
        ) { WebhookURL($0) }
        let secrets = Self.secrets(section)
        let timeLimit = section.duration(
            "timeLimit", in: .milliseconds(100)...Self.longestTimeLimit)
        let allowsPrivateAddresses = section.flag("allowPrivateAddresses") ?? false
        let trustRoots = section.section("tls") { $0.text("issuers") }
        let headers = section.section("headers", Self.headers) ?? []
        if let url, url.isPrivateAddress, !allowsPrivateAddresses {
            section.refuse(
                "url", "must be an address of the public internet, or allowPrivateAddresses true")
        }
        guard let url else { return nil }
        self.init(url: url, secrets: secrets)
        self.headers = headers
        self.timeLimit = timeLimit ?? self.timeLimit
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.trustRoots = trustRoots
    }

    /// Those of the file itself, then those of the files that it names.
    private static func secrets(_ section: ConfigurationSection) -> [WebhookSecret] {
        let rule = "must be whsec_ and base64 of 24 to 64 random bytes"
        let own = section.values("secrets", count: 1...maxSecrets, rule) { WebhookSecret($0) }
        let mounted = section.lines(ofFiles: "secretFiles", count: 1...maxSecrets, rule) {
            WebhookSecret($0)
        }
        section.requireAny(of: "secrets", "secretFiles")
        let all = (own ?? []) + (mounted ?? [])
        if all.count > maxSecrets {
            section.refuse("secretFiles", "must make \(maxSecrets) secrets at most, all together")
        }
        return all
    }

    private static func headers(_ section: ConfigurationSection) -> [WebhookHeader] {
        if section.names.count > maxHeaders { section.refuse(nil, "must be \(maxHeaders) at most") }
        return section.names.compactMap { name in
            section.value(
                name, "must be 1 to 4096 visible characters, of a header that Apus does not set"
            ) { WebhookHeader(checking: name, $0) }
        }
    }
}

extension HandlerOptions {
    /// As for a handler, but for the time limit.
    fileprivate init(webhook section: ConfigurationSection) {
        self.init(
            isEnabled: section.flag("enabled") ?? true,
            concurrency: section.integer("concurrency", in: HandlerLimits.concurrencies),
            retry: section.section("retry") { RetryPolicy($0, over: .standard) },
            ordering: HandlerOrdering(section, over: .perKey(afterDeadLetter: .continue)))
    }
}
