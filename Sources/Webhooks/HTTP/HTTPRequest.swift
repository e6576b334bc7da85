/// A POST. How it is sent is bounded in every way.
struct HTTPRequest: Sendable {
    let url: WebhookURL
    let headers: [WebhookHeader]
    let body: [UInt8]
    /// For all of it, from the look-up of the name to the answer.
    let timeLimit: Duration
    let allowsPrivateAddresses: Bool
    /// PEM: issuers to trust instead of the system's.
    let trustRoots: String?
}

/// What became of a request.
enum HTTPOutcome: Sendable, Equatable {
    /// The answer's headers came; its body counts for nothing.
    ///
    /// - Parameter retryAfter: What it asked for (RFC 9110 §10.2.3).
    case answered(status: Int, retryAfter: Duration?)
    /// Nobody may be sent to where the name led.
    case refusedAddress
    case timedOut
    /// - Parameter reason: A constant of libcurl's; holds nothing of the request.
    case failed(reason: String)
}

/// Sends requests. libcurl does, and so do tests.
protocol HTTPSender: Sendable {
    /// - Throws: `CancellationError` only: nobody knows then whether the request arrived.
    func send(_ request: HTTPRequest) async throws -> HTTPOutcome
}
