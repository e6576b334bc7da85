public import Events
public import Protobuf
import Telemetry

/// Sends events to one endpoint.
///
/// Where its requests go and how they are made is looked up for each event, so that an operator may
/// change it meanwhile; its traits stay.
public struct WebhookHandler: EventHandler {
    public let name: String
    private let initial: WebhookEndpoint
    private let endpoints: WebhookEndpoints
    private let calls: WebhookCalls
    private let pool: DescriptorPool

    /// - Parameters:
    ///   - endpoint: One of the endpoints.
    ///   - pool: Schemas of the payloads.
    public init(
        _ endpoint: WebhookEndpoint, of endpoints: WebhookEndpoints, client: HTTPClient,
        pool: DescriptorPool
    ) {
        self.init(endpoint, of: endpoints, sender: client, pool: pool, clock: SystemWallClock())
    }

    init(
        _ endpoint: WebhookEndpoint, of endpoints: WebhookEndpoints, sender: any HTTPSender,
        pool: DescriptorPool, clock: any WallClock
    ) {
        name = endpoint.name
        initial = endpoint
        self.endpoints = endpoints
        calls = WebhookCalls(sender: sender, clock: clock)
        self.pool = pool
    }

    public var types: [TypePattern] { initial.types }
    public var hasExternalSideEffects: Bool { true }
    public var consumer: String { "webhook/\(name)" }
    public var concurrency: Int { initial.options.concurrency ?? 16 }
    public var retry: RetryPolicy { initial.options.retry ?? .standard }
    public var ordering: HandlerOrdering {
        initial.options.ordering ?? .perKey(afterDeadLetter: .continue)
    }
    /// Longer than any request's own, which knows more of what happened and may be changed meanwhile.
    public var timeLimit: Duration { WebhookReceiver.longestTimeLimit + .seconds(5) }

    /// - Throws: ``HandlerError``, `CancellationError`.
    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        let endpoint = endpoints[name] ?? initial
        if let tenants = endpoint.tenants, !tenants.contains(event.tenant) { return .declined }
        let content = try CloudEvent(event, pool: pool).content(endpoint.mode)
        try await calls.post(
            content.body, content.headers, id: context.deliveryID, to: endpoint.receiver)
        return .done
    }
}
