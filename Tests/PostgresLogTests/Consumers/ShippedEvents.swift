import EventProtos
import Events
import Protobuf
import TestSupport

/// Random events of all types that the shipped projections take, about few things, so that they meet.
struct ShippedEvents {
    private(set) var random: SeededGenerator
    private var position: UInt64 = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func next() -> RecordedEvent {
        switch number(15) {
        case 0: return event(stock())
        case 1: return event(adjustment())
        case 2...7: return order()
        case 8: return event(message())
        case 9: return event(action())
        case 10:
            return event(ApusEventsLeadV1.LeadConverted(leadId: name("lead", 4), value: money()))
        case 11: return event(step())
        case 12: return conversation()
        case 13:
            return event(
                ApusEventsLeadV1.LeadCreated(leadId: name("lead", 6), source: name("source", 3)))
        default: return behavior()
        }
    }

    /// 0 ..< bound.
    mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func name(_ what: String, _ count: Int) -> String {
        "\(what)-\(number(count))"
    }

    private mutating func money() -> ApusEventsCommonV1.Money? {
        switch number(6) {
        case 0: nil
        case 1: .init(currencyCode: "EUR", units: -3)
        case 2: .init(currencyCode: "USD", units: Int64(number(100)), nanos: 500_000_000)
        default: .init(currencyCode: "EUR", units: Int64(number(100)), nanos: 10_000_000)
        }
    }

    private mutating func stock() -> some Message {
        ApusEventsInventoryV1.StockReceived(sku: name("sku", 3), quantity: UInt32(number(12)))
    }

    private mutating func adjustment() -> some Message {
        ApusEventsInventoryV1.StockAdjusted(sku: name("sku", 3), delta: Int32(number(9) - 5))
    }

    private mutating func lines() -> [ApusEventsOrderV1.OrderLine] {
        (0..<number(4)).map { _ in
            .init(sku: name("sku", 3), quantity: UInt32(number(4)))
        }
    }

    private mutating func order() -> RecordedEvent {
        typealias Orders = ApusEventsOrderV1
        let id = name("order", 15)
        switch number(10) {
        case 0...3:
            let order = Orders.Order(lines: lines(), total: money(), channel: name("shop", 2))
            return event(Orders.OrderCreated(orderId: id, customerId: "c", order: order))
        case 4: return event(Orders.OrderCancelled(orderId: id))
        case 5: return event(Orders.OrderShipped(orderId: id))
        case 6: return event(Orders.OrderReturned(orderId: id, returnedLines: lines()))
        case 7: return event(Orders.OrderPaid(orderId: id, amount: money()))
        case 8: return event(Orders.OrderRefunded(orderId: id, amount: money()))
        default:
            let status = Orders.OrderStatus(rawValue: Int32(number(9)))
            return event(Orders.OrderStatusChanged(orderId: id, newStatus: status))
        }
    }

    private mutating func message() -> some Message {
        ApusEventsMessageV1.MessageSent(
            leadId: "1", channel: name("channel", 2), latencyMs: UInt32(number(20_000)),
            success: number(5) > 0)
    }

    private mutating func action() -> some Message {
        ApusEventsAutopilotV1.AutopilotActionExecuted(
            actionType: name("action", 2), leadId: number(4) == 0 ? "" : name("lead", 4),
            model: name("model", 2), cost: money(), latencyMs: UInt32(number(900)))
    }

    private mutating func step() -> some Message {
        ApusEventsSequenceV1.SequenceStepExecuted(
            sequenceId: name("sequence", 2), stepId: "s", stepNumber: UInt32(number(3)),
            leadId: name("lead", 4), outcome: .init(rawValue: Int32(number(5))), latencyMs: 3)
    }

    private mutating func conversation() -> RecordedEvent {
        typealias Chat = ApusEventsChatV1
        let id = name("conversation", 5)
        switch number(6) {
        case 0: return event(Chat.ConversationStarted(conversationId: id, channel: "web"))
        case 1:
            return event(
                Chat.ConversationEnded(
                    conversationId: id, channel: "web",
                    endReason: .init(rawValue: Int32(number(6))),
                    durationSeconds: UInt32(number(90)), satisfactionScore: 0.1 * Double(number(9)))
            )
        case 2: return event(Chat.MessageReceived(conversationId: id, userId: name("user", 3)))
        case 3: return event(Chat.MessageSent(conversationId: id, channel: "web"))
        case 4: return event(Chat.ConversationContextUpdated(conversationId: id))
        default:
            return event(
                ApusEventsAnalyticsV1.ConversationAnalytics(
                    conversationId: id, qualityScores: ["tone": 0.3, name("m", 2): .nan]))
        }
    }

    private mutating func behavior() -> RecordedEvent {
        switch number(3) {
        case 0:
            return event(ApusEventsChatV1.UserSessionStarted(userId: name("user", 4)))
        case 1:
            return event(
                ApusEventsChatV1.UserSessionEnded(userId: name("user", 4), durationSeconds: 7))
        default:
            let value = GoogleProtobuf.Value(kind: .numberValue(0.7 * Double(number(5))))
            return event(
                ApusEventsAnalyticsV1.UserBehavior(
                    behaviorType: "click", element: name("button", 2), value: value))
        }
    }

    private mutating func event(_ payload: some Message) -> RecordedEvent {
        event(payload, on: number(3), of: number(5) == 0 ? "beta" : "acme")
    }

    private mutating func event(
        _ payload: some Message, on day: Int, of tenant: String
    ) -> RecordedEvent {
        position += 1
        let name = type(of: payload).descriptor.fullName
        let found = EventCatalogue.payloads.first { $0.message.fullName == name }
        let time = Timestamp(seconds: 1_700_000_000 + Int64(day) * 86_400, nanoseconds: 0)
        return RecordedEvent(
            position: Position(position), partition: 0, id: EventID(high: 1, low: position),
            type: found?.type ?? "", version: 1, kind: .domain,
            tenant: TenantID(unchecked: tenant), source: "test",
            subject: "", partitionKey: "", occurredAt: time, recordedAt: time,
            metadata: EventMetadata(), messageName: name, data: payload.encoded())
    }
}

extension ShippedEvents {
    /// Two actions for a lead, the customer that it becomes, one more action.
    static var story: [RecordedEvent] {
        func action(_ type: String, _ nanos: Int32) -> some Message {
            ApusEventsAutopilotV1.AutopilotActionExecuted(
                actionType: type, leadId: "a", model: "m",
                cost: .init(currencyCode: "EUR", nanos: nanos))
        }
        var source = ShippedEvents(seed: 0)
        return [
            source.event(action("mail", 100_000_000), on: 0, of: "acme"),
            source.event(action("call", 300_000_000), on: 0, of: "acme"),
            source.event(
                ApusEventsLeadV1.LeadConverted(
                    leadId: "a", value: .init(currencyCode: "EUR", units: 49)), on: 0, of: "acme"),
            source.event(action("mail", 100_000_000), on: 0, of: "acme"),
        ]
    }
}

extension ShippedEvents {
    /// A lead that each of the sources names, at the positions 1, 2, 3 ….
    static func lead(_ id: String, from sources: [String]) -> [RecordedEvent] {
        var made = ShippedEvents(seed: 0)
        return sources.map { source in
            made.event(
                ApusEventsLeadV1.LeadCreated(leadId: id, source: source), on: 0, of: "acme")
        }
    }
}
