import Telemetry

/// The endpoints as they are configured now: an operator may change them while events are delivered.
public final class WebhookEndpoints: Sendable {
    private let current: Lock<[String: WebhookEndpoint]>

    public init(_ endpoints: [WebhookEndpoint]) {
        current = Lock(Self.byName(endpoints))
    }

    /// From the next delivery on these count. Others are left as they are, for what is under way.
    public func update(to endpoints: [WebhookEndpoint]) {
        let new = Self.byName(endpoints)
        current.withLock { $0.merge(new) { $1 } }
    }

    subscript(name: String) -> WebhookEndpoint? { current.withLock { $0[name] } }

    private static func byName(_ endpoints: [WebhookEndpoint]) -> [String: WebhookEndpoint] {
        Dictionary(endpoints.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
