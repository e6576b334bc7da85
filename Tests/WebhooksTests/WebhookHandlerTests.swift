import EventProtos
import Events
import Telemetry
import Testing

@testable import Webhooks

@Suite struct WebhookHandlerTests {
    @Test(
        arguments: [
            (HTTPOutcome.answered(status: 200, retryAfter: nil), nil, nil),
            (.answered(status: 204, retryAfter: .seconds(5)), nil, nil),
            (.answered(status: 301, retryAfter: nil), .permanent, nil),
            (.answered(status: 304, retryAfter: nil), .permanent, nil),
            (.answered(status: 400, retryAfter: .seconds(5)), .permanent, nil),
            (.answered(status: 401, retryAfter: nil), .permanent, nil),
            (.answered(status: 404, retryAfter: nil), .permanent, nil),
            (.answered(status: 408, retryAfter: nil), .transient, nil),
            (.answered(status: 410, retryAfter: nil), .permanent, nil),
            (.answered(status: 425, retryAfter: nil), .transient, nil),
            (.answered(status: 429, retryAfter: .seconds(7)), .transient, .seconds(7)),
            (.answered(status: 500, retryAfter: nil), .transient, nil),
            (.answered(status: 503, retryAfter: .seconds(90_000)), .transient, .seconds(3_600)),
            (.answered(status: 599, retryAfter: nil), .transient, nil),
            (.timedOut, .transient, nil),
            (.failed(reason: "Couldn't connect to server"), .transient, nil),
            (.refusedAddress, .permanent, nil),
        ] as [(HTTPOutcome, HandlerError.Kind?, Duration?)])
    func `what came of a request says what follows`(
        _ outcome: HTTPOutcome, _ kind: HandlerError.Kind?, _ retryAfter: Duration?
    ) {
        let error = WebhookCalls.error(outcome, target: "example.com:443")
        #expect(error?.kind == kind)
        #expect(error?.retryAfter == retryAfter)
        // Of an address that it may not reach it has asked nothing.
        let isAsked = kind != nil && outcome != .refusedAddress
        #expect(error?.target == (isAsked ? "example.com:443" : nil))
    }

    @Test func `a request is signed with the delivery's id and the time of the attempt`()
        async throws
    {
        let sender = ScriptedSender()
        let handler = try Self.handler([Self.endpoint()], sender)
        let event = try SampleEvent.lead(subject: "", source: "")
        #expect(try await handler.handle(event, context: Self.context) == .done)
        let request = try #require(sender.requests.first)
        let expected = WebhookSignature.headers(
            id: "webhook/orders/7", timestamp: 1_000, body: request.body,
            secrets: try Self.endpoint().receiver.secrets)
        #expect(Set(request.headers).isSuperset(of: expected))
        #expect(request.headers.last?.description == "X-Key: …")
        #expect(!request.allowsPrivateAddresses)
        #expect(request.timeLimit == .seconds(3))
        #expect(handler.timeLimit > WebhookReceiver.longestTimeLimit)
    }

    @Test func `events of other tenants are declined`() async throws {
        let sender = ScriptedSender()
        let tenants = Set(["globex"].compactMap { TenantID($0) })
        let handler = try Self.handler([Self.endpoint(tenants: tenants)], sender)
        let event = try SampleEvent.lead(subject: "", source: "")
        #expect(try await handler.handle(event, context: Self.context) == .declined)
        #expect(sender.requests.isEmpty)
        let own = try SampleEvent.lead(
            subject: "", source: "", tenant: TenantID(unchecked: "globex"))
        #expect(try await handler.handle(own, context: Self.context) == .done)
    }

    @Test func `what is configured anew counts from the next event on`() async throws {
        let sender = ScriptedSender()
        let endpoints = WebhookEndpoints([try Self.endpoint()])
        let handler = WebhookHandler(
            try Self.endpoint(), of: endpoints, sender: sender, pool: EventCatalogue.pool,
            clock: FixedClock())
        let event = try SampleEvent.lead(subject: "", source: "")
        endpoints.update(to: [try Self.endpoint(url: "https://example.org/new")])
        _ = try await handler.handle(event, context: Self.context)
        #expect(sender.requests.map(\.url.target) == ["example.org:443"])
        // Taken out while this was under way: it goes where it would have gone.
        endpoints.update(to: [])
        #expect(try await handler.handle(event, context: Self.context) == .done)
        #expect(sender.requests.map(\.url.target) == ["example.org:443", "example.org:443"])
    }

    @Test func `a webhook is a consumer of its own kind, with effects outside`() throws {
        let handler = try Self.handler([Self.endpoint()], ScriptedSender())
        #expect(handler.consumer == "webhook/orders")
        #expect(handler.hasExternalSideEffects)
        var registry = HandlerRegistry()
        try registry.register(handler)
    }

    @Test func `a message goes to where the receiver is now, signed with its id`() async throws {
        let sender = ScriptedSender()
        let first = try Self.receiver("https://example.com/a")
        let messages = WebhookMessages(to: first, sender: sender, clock: FixedClock())
        try await messages.send(json: #"{"id":"m/1"}"#, id: "m/1")
        messages.replace(with: try Self.receiver("https://example.org/b"))
        sender.answer(503)
        let error = await #expect(throws: HandlerError.self) {
            try await messages.send(json: "{}", id: "m/2")
        }
        #expect(error?.kind == .transient && error?.target == "example.org:443")
        #expect(sender.requests.map(\.url.target) == ["example.com:443", "example.org:443"])
        let request = try #require(sender.requests.first)
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"id":"m/1"}"#)
        let expected = WebhookSignature.headers(
            id: "m/1", timestamp: 1_000, body: request.body, secrets: first.secrets)
        #expect(
            request.headers == [WebhookHeader("content-type", "application/json")] + expected)
    }

    private static let context = HandlerContext(deliveryID: "webhook/orders/7", attempt: 1)

    private static func endpoint(
        url: String = "https://example.com/hook?key=1", tenants: Set<TenantID>? = nil
    ) throws -> WebhookEndpoint {
        var receiver = try Self.receiver(url)
        receiver.headers = [WebhookHeader(checking: "X-Key", "v")].compactMap(\.self)
        receiver.timeLimit = .seconds(3)
        var endpoint = WebhookEndpoint(
            name: "orders", types: [TypePattern("lead.*")].compactMap(\.self), receiver: receiver)
        endpoint.tenants = tenants
        return endpoint
    }

    private static func receiver(_ url: String) throws -> WebhookReceiver {
        WebhookReceiver(
            url: try #require(WebhookURL(url)),
            secrets: [WebhookSecret("whsec_" + String(repeating: "A", count: 32))]
                .compactMap(\.self))
    }

    private static func handler(
        _ endpoints: [WebhookEndpoint], _ sender: ScriptedSender
    ) throws -> WebhookHandler {
        WebhookHandler(
            try #require(endpoints.first), of: WebhookEndpoints(endpoints), sender: sender,
            pool: EventCatalogue.pool, clock: FixedClock())
    }
}

/// Takes every request, until it is told what to answer.
private final class ScriptedSender: HTTPSender {
    private let sent = Lock<[HTTPRequest]>([])
    private let status = Lock(200)

    var requests: [HTTPRequest] { sent.withLock { $0 } }

    func answer(_ status: Int) { self.status.withLock { $0 = status } }

    func send(_ request: HTTPRequest) async throws -> HTTPOutcome {
        sent.withLock { $0.append(request) }
        return .answered(status: status.withLock { $0 }, retryAfter: nil)
    }
}

private struct FixedClock: WallClock {
    func now() -> UnixTime { UnixTime(seconds: 1_000) }
}
