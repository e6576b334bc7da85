import EventProtos
public import Events

/// Orders as they stand, and what happened to orders by day.
///
/// Of two events about an order the one with the higher position is right, whichever is handled
/// first.
public struct OrderAnalytics: Projection {
    public let name = "order-analytics"
    public let types: [TypePattern]
    public let tables = ["order_days", "order_money", "orders"]

    static let change = ProjectionChange.Name(rawValue: "project_order")

    public init() {
        types = [
            "order.created", "order.status_changed", "order.paid", "order.cancelled",
            "order.shipped", "order.delivered", "order.returned", "order.refunded",
            "payment.processed",
        ].compactMap(TypePattern.init)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        guard let told = try OrderEvent(event), !told.orderID.isEmpty else { return nil }
        let order = told.order
        // What the order is worth counts on the day it came in.
        let amount = Amount(told.stage == .created ? order?.total : told.amount)
        let total = Amount(order?.total)
        let status = told.status.flatMap(Self.text)
        let change = ProjectionChange(
            Self.change,
            [
                .text(event.tenant.rawValue), try .key(told.orderID, "order_id"), .position(event),
                .text(told.stage.rawValue), .time(told.at, of: event),
                status.map(ProjectionChange.Value.text) ?? .null,
                .optionalLabel(told.customerID ?? ""), .optionalLabel(order?.channel ?? ""),
                .text(total.currency), .integer(total.units), .integer(Int64(total.nanos)),
            ] + amount.values)
        return [change]
    }

    static func text(_ status: ApusEventsOrderV1.OrderStatus) -> String? {
        switch status {
        case .pending: "pending"
        case .paid: "paid"
        case .processing: "processing"
        case .shipped: "shipped"
        case .delivered: "delivered"
        case .cancelled: "cancelled"
        case .returned: "returned"
        case .refunded: "refunded"
        case .unspecified, .unrecognized: nil
        }
    }
}
