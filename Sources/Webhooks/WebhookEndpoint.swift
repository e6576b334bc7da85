public import Events

/// One receiver of events, as an operator configures it.
public struct WebhookEndpoint: Sendable, Hashable {
    /// How an event becomes a request (CloudEvents 1.0, HTTP binding §3).
    public enum Mode: Sendable, Hashable {
        /// The body is the payload, the attributes are headers.
        case binary
        /// The body is a JSON object of both.
        case structured
    }

    /// What it may ask for besides.
    public struct Delivery: Sendable, Hashable {
        public var mode = Mode.binary
        /// Nil: of every tenant.
        public var tenants: Set<TenantID>?
        public var headers: [WebhookHeader] = []
        /// May be sent to addresses that the public internet does not reach.
        public var allowsPrivateAddresses = false
        /// PEM: issuers to trust instead of the system's.
        public var trustRoots: String?

        public init() {}
    }

    public let name: String
    public let types: [TypePattern]
    public let url: WebhookURL
    /// At least one. With several, a receiver may know any of them: so they are changed.
    public let secrets: [WebhookSecret]
    public let delivery: Delivery
    public let options: HandlerOptions

    /// A request is given up by then, whatever is configured.
    public static let longestTimeLimit: Duration = .seconds(600)
    /// As many secrets may be valid at a time.
    public static let maxSecrets = 10
    /// As many headers may be added.
    public static let maxHeaders = 32

    public init(
        name: String, types: [TypePattern], url: WebhookURL, secrets: [WebhookSecret],
        delivery: Delivery = Delivery(), options: HandlerOptions = HandlerOptions()
    ) {
        self.name = name
        self.types = types
        self.url = url
        self.secrets = secrets
        self.delivery = delivery
        self.options = options
    }
}
