import Telemetry

/// Sends messages that are no events to one receiver, which an operator may change meanwhile: signed,
/// bounded and kept from private addresses as events are.
public final class WebhookMessages: Sendable {
    private let receiver: Lock<WebhookReceiver>
    private let calls: WebhookCalls

    public convenience init(to receiver: WebhookReceiver, client: HTTPClient) {
        self.init(to: receiver, sender: client, clock: SystemWallClock())
    }

    init(to receiver: WebhookReceiver, sender: any HTTPSender, clock: any WallClock) {
        self.receiver = Lock(receiver)
        calls = WebhookCalls(sender: sender, clock: clock)
    }

    /// From the next message on this one counts.
    public func replace(with receiver: WebhookReceiver) {
        self.receiver.withLock { $0 = receiver }
    }

    /// Returns once the receiver has taken it.
    ///
    /// - Parameter id: The same for each attempt to send it. Holds no dot.
    /// - Throws: `HandlerError`, `CancellationError`.
    public func send(json: String, id: String) async throws {
        try await calls.post(
            Array(json.utf8), [WebhookHeader("content-type", "application/json")], id: id,
            to: receiver.withLock { $0 })
    }
}
