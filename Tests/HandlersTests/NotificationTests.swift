import EventProtos
import Events
import Protobuf
import Telemetry
import Testing

@testable import Handlers

@Suite struct NotificationTests {
    private static let order = ApusEventsOrderV1.Order(
        number: "2026-1", customer: .init(name: "<b>Eve</b>\n\u{202E}", email: "eve@example.org"),
        total: .euros(20, nanos: 500_000_000))

    private func fields(_ order: ApusEventsOrderV1.Order = order) throws -> PayloadFields {
        let created = ApusEventsOrderV1.OrderCreated(orderId: "42", order: order)
        return try #require(try PayloadFields(.test(created)))
    }

    private func text(
        _ template: String, as format: TextTemplate.Format = .plain
    ) throws -> String? {
        TextTemplate(template)?.text(try fields(), as: format)
    }

    @Test(arguments: [
        ("Order {order.number} of {order_id}", "Order 2026-1 of 42"),
        ("{{order_id}", "{order_id}"), ("{order.total}", "EUR 20.50"), ("{order.tax}", ""),
        ("{no.such.field}", ""), ("{order}", ""), ("", ""), ("no } matter", "no } matter"),
    ])
    func `fields take the place of their names`(template: String, result: String) throws {
        try #expect(text(template) == result)
    }

    @Test(arguments: ["{", "{}", "{a..b}", "{A}", "{a b}", "{order.number", "{a.b.c.d.e.f.g.h.i}"])
    func `a template that cannot be is none`(template: String) {
        #expect(TextTemplate(template) == nil)
        #expect(TextTemplate(String(repeating: "x", count: TextTemplate.maxBytes + 1)) == nil)
    }

    @Test func `what a customer writes is no markup and ends no line`() throws {
        try #expect(text("To {order.customer.name}!") == "To <b>Eve</b>  !")
        try #expect(
            text("A & {order.customer.name}", as: .html)
                == "A &amp; &lt;b&gt;Eve&lt;/b&gt;<br>\n\u{202E}")
    }

    @Test func `what a customer writes is cut off`() throws {
        let long = ApusEventsOrderV1.Order(number: String(repeating: "é", count: 5_000))
        let text = try TextTemplate("{order.number}|")?.text(fields(long))
        #expect(text == String(repeating: "é", count: 512) + "|")
    }

    private final class Sink: NotificationSink {
        let name = "test"
        let sent = Lock<[EventNotification]>([])

        func send(_ notification: EventNotification) async throws {
            sent.withLock { $0.append(notification) }
        }
    }

    private func handled(
        _ event: RecordedEvent, by templates: [NotificationTemplate] = NotificationTemplate.standard
    ) async throws -> EventNotification? {
        let sink = Sink()
        let handler = NotificationHandler(templates: templates, sink: sink)
        let context = HandlerContext(deliveryID: "handler/notification/7", attempt: 1)
        let verdict = try await handler.handle(event, context: context)
        #expect((verdict == .done) == (sink.sent.withLock { $0.count } == 1))
        return sink.sent.withLock { $0.first }
    }

    @Test func `a message has the delivery's id, and says who is told what`() async throws {
        let shipped = ApusEventsOrderV1.OrderShipped(
            orderId: "42", order: Self.order, carrier: "Post", trackingNumber: "AT1")
        let told = try #require(try await handled(.test(shipped)))
        #expect(told.id == "handler/notification/7" && told.template == "order-shipped")
        #expect(told.to == "eve@example.org" && told.tenant == "acme")
        #expect(told.title == "Your order 2026-1 is on its way")
        #expect(told.text == "With Post, number AT1. ")
        #expect(told.json.hasPrefix(#"{"id":"handler/notification/7","tenant":"acme","event_id":"#))
    }

    @Test func `the first template whose type and status fit counts`() async throws {
        func changed(_ status: ApusEventsOrderV1.OrderStatus) -> RecordedEvent {
            .test(ApusEventsOrderV1.OrderStatusChanged(orderId: "42", newStatus: status))
        }
        func template(_ name: String, _ type: String, _ status: String?) throws
            -> NotificationTemplate
        {
            let none = try #require(TextTemplate(""))
            return NotificationTemplate(
                name: name, types: try #require(TypePattern(type)), status: status, to: none,
                title: none, text: none)
        }
        let templates = [
            try template("shipped", "order.status_changed", "shipped"),
            try template("any", "order.*", nil), try template("never", "order.paid", nil),
        ]
        try await #expect(handled(changed(.shipped), by: templates)?.template == "shipped")
        try await #expect(handled(changed(.paid), by: templates)?.template == "any")
        try await #expect(handled(changed(.shipped)) == nil)
        try await #expect(handled(changed(.processing))?.template == "order-processing")
    }

    @Test func `all built-in templates are there, and name fields of their types`() throws {
        #expect(NotificationTemplate.standard.count == 10)
        for template in NotificationTemplate.standard {
            let payload = EventCatalogue.payloads.first { $0.type == template.types.text }
            let message = try #require(payload?.message)
            for text in [template.to, template.title, template.text] {
                for path in text.paths {
                    #expect(message.field(named: path[0]) != nil, "\(template.name): \(path)")
                }
            }
        }
    }
}
