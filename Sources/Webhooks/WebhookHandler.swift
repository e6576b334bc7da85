public import Events
public import Protobuf
import Telemetry

/// Sends events to one endpoint.
///
/// What its endpoint says is looked up for each event, so that an operator may change it meanwhile.
public struct WebhookHandler: EventHandler {
    public let name: String
    private let initial: WebhookEndpoint
    private let endpoints: WebhookEndpoints
    private let sender: any HTTPSender
    private let pool: DescriptorPool
    private let clock: any WallClock

    /// A receiver may ask for so much time at most.
    private static let longestRetryAfter: Duration = .seconds(3_600)

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
        self.sender = sender
        self.pool = pool
        self.clock = clock
    }

    private var endpoint: WebhookEndpoint { endpoints[name] ?? initial }

    public var types: [TypePattern] { initial.types }
    public var hasExternalSideEffects: Bool { true }
    public var consumer: String { "webhook/\(name)" }
    public var concurrency: Int { endpoint.options.concurrency ?? 16 }
    public var retry: RetryPolicy { endpoint.options.retry ?? .standard }
    public var ordering: HandlerOrdering {
        endpoint.options.ordering ?? .perKey(afterDeadLetter: .continue)
    }
    /// Longer than any request's own, which knows more of what happened and may be changed meanwhile.
    public var timeLimit: Duration { WebhookEndpoint.longestTimeLimit + .seconds(5) }
    private var requestTimeLimit: Duration { endpoint.options.timeLimit ?? .seconds(30) }

    /// - Throws: ``HandlerError``, `CancellationError`.
    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        // Taken out since the start: nothing more goes there.
        guard let endpoint = endpoints[name] else { return .declined }
        if let tenants = endpoint.delivery.tenants, !tenants.contains(event.tenant) {
            return .declined
        }
        let content = try CloudEvent(event, pool: pool).content(endpoint.delivery.mode)
        let signature = WebhookSignature.headers(
            id: context.deliveryID, timestamp: clock.now().seconds, body: content.body,
            secrets: endpoint.secrets)
        let request = HTTPRequest(
            url: endpoint.url, headers: content.headers + signature + endpoint.delivery.headers,
            body: content.body, timeLimit: requestTimeLimit,
            allowsPrivateAddresses: endpoint.delivery.allowsPrivateAddresses,
            trustRoots: endpoint.delivery.trustRoots)
        if let error = Self.error(try await sender.send(request), target: endpoint.url.target) {
            throw error
        }
        return .done
    }

    /// What a request's outcome means for the event; nil: it was taken.
    static func error(_ outcome: HTTPOutcome, target: String) -> HandlerError? {
        switch outcome {
        case .answered(200...299, _): nil
        case .answered(let status, let after) where isTransient(status):
            .transient(
                "\(target) answered \(status)",
                retryAfter: after.map { min($0, longestRetryAfter) }, target: target)
        case .answered(300...399, _):
            .permanent("\(target) answered with a redirect, and none is followed")
        case .answered(let status, _): .permanent("\(target) answered \(status)")
        case .refusedAddress:
            .permanent("\(target) is at an address that is not of the public internet")
        case .timedOut: .transient("\(target) did not answer in time", target: target)
        case .failed(let reason): .transient("\(target): \(reason)", target: target)
        }
    }

    private static func isTransient(_ status: Int) -> Bool {
        [408, 425, 429].contains(status) || status >= 500
    }
}
