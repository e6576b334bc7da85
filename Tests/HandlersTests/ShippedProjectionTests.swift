import EventProtos
import Events
import Protobuf
import Testing

@testable import Handlers

/// What single events become; what becomes of that is tested with the tables.
@Suite struct ShippedProjectionTests {
    private typealias Value = ProjectionChange.Value
    private static let time = Value.time(Timestamp(seconds: 1_700_000_000, nanoseconds: 0))

    private func values(
        _ projection: some Projection, _ payload: some Message, user: String = ""
    ) throws -> [[Value]]? {
        try projection.changes(for: .test(payload, user: user))?.map(\.values)
    }

    @Test(
        arguments: [
            (0, 50), (50, 50), (51, 100), (300_000, 300_000), (300_001, 4_294_967_295),
            (4_294_967_295, 4_294_967_295),
        ] as [(UInt32, Int64)])
    func `a message falls into the bucket that ends at or above its latency`(
        latency: UInt32, bound: Int64
    ) throws {
        let message = ApusEventsMessageV1.MessageSent(
            leadId: "1", channel: "email", latencyMs: latency, success: true)
        try #expect(
            values(MessageSLO(), message) == [
                [
                    .text("acme"), .text("email"), Self.time, .integer(bound),
                    .integer(Int64(latency)), .bool(true),
                ]
            ])
    }

    @Test func `an action keeps its cost, and one without a lead has none`() throws {
        let action = ApusEventsAutopilotV1.AutopilotActionExecuted(
            actionType: "reply", model: "small", cost: .euros(0, nanos: 2_000_000), latencyMs: 9)
        try #expect(
            values(AutopilotAttribution(), action) == [
                [
                    .text("acme"), .integer(7), Self.time, .bool(false), .text(""), .text("reply"),
                    .text("small"), .integer(9), .text("EUR"), .integer(0), .integer(2_000_000),
                    .bool(false),
                ]
            ])
    }

    @Test func `a conversion without a lead, and a step without a sequence, are declined`() throws {
        try #expect(
            values(AutopilotAttribution(), ApusEventsLeadV1.LeadConverted(value: .euros(5))) == nil)
        try #expect(
            values(
                SequenceFunnel(), ApusEventsSequenceV1.SequenceStepExecuted(leadId: "1")) == nil)
    }

    @Test func `an order's own times and statuses go before the event's`() throws {
        let order = ApusEventsOrderV1.Order(total: .euros(20), channel: "web")
        let paid = ApusEventsOrderV1.OrderPaid(
            orderId: "42", customerId: "c", order: order, amount: .euros(19),
            paidAt: .init(seconds: 9))
        try #expect(
            values(OrderAnalytics(), paid) == [
                [
                    .text("acme"), .text("42"), .integer(7), .text("paid"),
                    .time(Timestamp(seconds: 9, nanoseconds: 0)), .text("paid"), .text("c"),
                    .text("web"), .text("EUR"), .integer(20), .integer(0), .text("EUR"),
                    .integer(19), .integer(0), .bool(false),
                ]
            ])
        let changed = ApusEventsOrderV1.OrderStatusChanged(
            orderId: "42", oldStatus: .paid, newStatus: .unrecognized(99))
        #expect(try values(OrderAnalytics(), changed)?[0][5] == .null)
        try #expect(values(OrderAnalytics(), ApusEventsOrderV1.OrderPaid()) == nil)
    }

    @Test func `a refused message counts as failed, a rating that is none as unusable`() throws {
        let sent = ApusEventsChatV1.MessageSent(conversationId: "c", deliveryStatus: .failed)
        #expect(try values(ConversationAnalytics(), sent)?[0][3] == .text("failed"))
        let ended = ApusEventsChatV1.ConversationEnded(
            conversationId: "c", endReason: .completed, satisfactionScore: .nan)
        #expect(
            try values(ConversationAnalytics(), ended)?[0].suffix(4)
                == [.text("completed"), .integer(0), .null, .bool(true)])
    }

    @Test func `scores are counted one by one, the first hundred by name`() throws {
        let many = ApusEventsAnalyticsV1.ConversationAnalytics(
            conversationId: "c",
            qualityScores: Dictionary(
                uniqueKeysWithValues: (100..<250).map { ("measure-\($0)", Double($0)) }))
        let rows = try #require(try values(ConversationAnalytics(), many))
        #expect(rows.count == 100)
        #expect(rows[99][7] == .text("measure-199") && rows[99][9] == .integer(199_000_000))
        let none = ApusEventsAnalyticsV1.ConversationAnalytics(conversationId: "c")
        try #expect(values(ConversationAnalytics(), none) == nil)
    }

    @Test func `of what a user did numbers and yes or no are summed`() throws {
        func value(_ kind: GoogleProtobuf.Value.Kind?) throws -> ArraySlice<Value>? {
            try values(
                BehaviorAnalytics(),
                ApusEventsAnalyticsV1.UserBehavior(
                    behaviorType: "click", value: .init(kind: kind)), user: "u")?[0].suffix(3)
        }
        try #expect(value(.numberValue(1.5)) == [.text("u"), .integer(1_500_000), .bool(false)])
        try #expect(value(.boolValue(true)) == [.text("u"), .integer(1_000_000), .bool(false)])
        try #expect(value(.numberValue(.nan)) == [.text("u"), .null, .bool(true)])
        try #expect(value(.stringValue("x")) == [.text("u"), .null, .bool(false)])
        try #expect(value(nil) == [.text("u"), .null, .bool(false)])
    }

    @Test func `an order's lines are reserved one by one, by product if without unit`() throws {
        let order = ApusEventsOrderV1.Order(lines: [
            .init(sku: "a", quantity: 2), .init(productId: "p", quantity: 1), .init(sku: "b"),
        ])
        let created = ApusEventsOrderV1.OrderCreated(orderId: "42", order: order)
        try #expect(
            values(Inventory(), created) == [
                [
                    .text("acme"), .integer(7), .text("created"), .text("42"), .integer(0), .null,
                    .integer(0),
                ],
                [
                    .text("acme"), .integer(7), .text("line"), .text("42"), .integer(1), .text("a"),
                    .integer(2),
                ],
                [
                    .text("acme"), .integer(7), .text("line"), .text("42"), .integer(2), .text("p"),
                    .integer(1),
                ],
            ])
    }

    @Test func `what an order's status says counts as its own event does`() throws {
        func kinds(_ payload: some Message) throws -> [Value]? {
            try values(Inventory(), payload)?.map { $0[2] }
        }
        func changed(_ status: ApusEventsOrderV1.OrderStatus) -> some Message {
            ApusEventsOrderV1.OrderStatusChanged(orderId: "42", newStatus: status)
        }
        try #expect(kinds(changed(.cancelled)) == [.text("released")])
        try #expect(kinds(changed(.shipped)) == [.text("shipped")])
        try #expect(kinds(changed(.returned)) == [.text("returned")])
        try #expect(kinds(changed(.paid)) == nil)
        try #expect(
            kinds(ApusEventsOrderV1.OrderReturned(orderId: "42")) == [.text("returned")])
        try #expect(
            kinds(
                ApusEventsOrderV1.OrderReturned(
                    orderId: "42", returnedLines: [.init(sku: "a", quantity: 1)]))
                == [.text("returned_line")])
    }

    @Test func `an order with too many lines is not understood`() throws {
        let lines = [ApusEventsOrderV1.OrderLine](repeating: .init(quantity: 1), count: 10_001)
        let created = ApusEventsOrderV1.OrderCreated(orderId: "42", order: .init(lines: lines))
        #expect(throws: ProjectionFault.self) { try values(Inventory(), created) }
    }
}
