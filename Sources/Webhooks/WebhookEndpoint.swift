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

    public let name: String
    public let types: [TypePattern]
    public let receiver: WebhookReceiver
    public var mode = Mode.binary
    /// Nil: of every tenant.
    public var tenants: Set<TenantID>?
    /// But for the time limit, which is the receiver's.
    public var options: HandlerOptions

    public init(
        name: String, types: [TypePattern], receiver: WebhookReceiver,
        options: HandlerOptions = HandlerOptions()
    ) {
        self.name = name
        self.types = types
        self.receiver = receiver
        self.options = options
    }
}
