/// Where requests go, how each is signed and made, as an operator configures it.
public struct WebhookReceiver: Sendable, Hashable {
    public let url: WebhookURL
    /// At least one. With several, a receiver may know any of them: so they are changed.
    public let secrets: [WebhookSecret]
    /// Besides those that Apus sets.
    public var headers: [WebhookHeader] = []
    /// From the look-up of the name to the answer.
    public var timeLimit: Duration = .seconds(30)
    /// May be at an address that the public internet does not reach.
    public var allowsPrivateAddresses = false
    /// PEM: issuers to trust instead of the system's.
    public var trustRoots: String?

    /// A request is given up by then, whatever is configured.
    public static let longestTimeLimit: Duration = .seconds(600)
    /// As many secrets may be valid at a time.
    public static let maxSecrets = 10
    /// As many headers may be added.
    public static let maxHeaders = 32

    public init(url: WebhookURL, secrets: [WebhookSecret]) {
        self.url = url
        self.secrets = secrets
    }
}
