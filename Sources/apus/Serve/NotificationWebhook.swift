import Handlers
import Webhooks

/// Sends notifications to an HTTP server, each as a JSON object.
struct NotificationWebhook: NotificationSink {
    let name = "webhook"
    let messages: WebhookMessages

    /// Longer than any request's own, which knows more of what happened and may be changed meanwhile.
    var timeLimit: Duration { WebhookReceiver.longestTimeLimit + .seconds(5) }

    func send(_ notification: EventNotification) async throws {
        try await messages.send(json: notification.json, id: notification.id)
    }
}
