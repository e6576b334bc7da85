import Events
import Telemetry

/// Makes signed requests, and tells what their answers mean for a handler.
struct WebhookCalls: Sendable {
    let sender: any HTTPSender
    let clock: any WallClock

    /// A receiver may ask for so much time at most.
    private static let longestRetryAfter: Duration = .seconds(3_600)

    /// Returns once the receiver has taken it.
    ///
    /// - Parameters:
    ///   - headers: That describe the body.
    ///   - id: The same for each attempt. Holds no dot.
    /// - Throws: ``HandlerError``, `CancellationError`.
    func post(
        _ body: [UInt8], _ headers: [WebhookHeader], id: String, to receiver: WebhookReceiver
    ) async throws {
        let signature = WebhookSignature.headers(
            id: id, timestamp: clock.now().seconds, body: body, secrets: receiver.secrets)
        let request = HTTPRequest(
            url: receiver.url, headers: headers + signature + receiver.headers, body: body,
            timeLimit: receiver.timeLimit,
            allowsPrivateAddresses: receiver.allowsPrivateAddresses,
            trustRoots: receiver.trustRoots)
        let outcome = try await sender.send(request)
        if let error = Self.error(outcome, target: receiver.url.target) { throw error }
    }

    /// What a request's outcome means; nil: it was taken.
    static func error(_ outcome: HTTPOutcome, target: String) -> HandlerError? {
        switch outcome {
        case .answered(200...299, _): nil
        case .answered(let status, let after) where isTransient(status):
            .transient(
                "\(target) answered \(status)",
                retryAfter: after.map { min($0, longestRetryAfter) }, target: target)
        case .answered(300...399, _):
            .permanent("\(target) answered with a redirect, and none is followed", target: target)
        case .answered(let status, _): .permanent("\(target) answered \(status)", target: target)
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
