import EventProtos
public import Events

/// The stock: what came, what orders reserve, took and brought back.
///
/// A new order's lines are reserved as far as the stock goes, in order of the orders' positions; what
/// cannot be reserved is recorded as short, and reserved as soon as there is more. An order that is
/// cancelled gives back what it reserved, one that is shipped takes it. Each of these counts once
/// for an order, whether `order.cancelled` says so, `order.status_changed`, or both.
public struct Inventory: Projection {
    public let name = "inventory"
    public let types: [TypePattern]
    public let tables = ["stock", "stock_lines", "stock_orders", "stock_returns"]

    static let change = ProjectionChange.Name(rawValue: "project_inventory")

    /// An order has no more lines than this, or is not understood.
    private static let maxLines = 10_000

    public init() {
        types = [
            "inventory.stock_received", "inventory.stock_adjusted", "order.created",
            "order.status_changed", "order.cancelled", "order.shipped", "order.returned",
        ].compactMap(TypePattern.init)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        if let told = try event.payload(ApusEventsInventoryV1.StockReceived.self) {
            guard !told.sku.isEmpty, told.quantity > 0 else { return nil }
            return [try change(event, "received", sku: told.sku, quantity: Int64(told.quantity))]
        }
        if let told = try event.payload(ApusEventsInventoryV1.StockAdjusted.self) {
            guard !told.sku.isEmpty, told.delta != 0 else { return nil }
            return [try change(event, "adjusted", sku: told.sku, quantity: Int64(told.delta))]
        }
        guard let told = try OrderEvent(event), !told.orderID.isEmpty else { return nil }
        return try changes(event, told)
    }

    private func changes(
        _ event: RecordedEvent, _ told: OrderEvent
    ) throws -> [ProjectionChange]? {
        switch (told.stage, told.status) {
        case (.created, _):
            let created = try change(event, "created", order: told.orderID)
            return [created] + (try lines(event, told, told.order?.lines ?? [], "line"))
        case (.returned, _) where !told.returnedLines.isEmpty:
            let lines = try lines(event, told, told.returnedLines, "returned_line")
            return lines.isEmpty ? nil : lines
        case (.cancelled, _), (.statusChanged, .cancelled):
            return [try change(event, "released", order: told.orderID)]
        case (.shipped, _), (.statusChanged, .shipped):
            return [try change(event, "shipped", order: told.orderID)]
        case (.returned, _), (.statusChanged, .returned):
            return [try change(event, "returned", order: told.orderID)]
        default:
            return nil
        }
    }

    private func lines(
        _ event: RecordedEvent, _ told: OrderEvent, _ lines: [ApusEventsOrderV1.OrderLine],
        _ kind: String
    ) throws -> [ProjectionChange] {
        guard lines.count <= Self.maxLines else {
            throw ProjectionFault(
                description: "the order has \(lines.count) lines, more than \(Self.maxLines)")
        }
        var changes: [ProjectionChange] = []
        for (index, line) in lines.enumerated() where line.quantity > 0 {
            let sku = line.sku.isEmpty ? line.productId : line.sku
            changes.append(
                try change(
                    event, kind, order: told.orderID, line: index + 1, sku: sku,
                    quantity: Int64(line.quantity)))
        }
        return changes
    }

    private func change(
        _ event: RecordedEvent, _ kind: String, order: String? = nil, line: Int = 0,
        sku: String? = nil, quantity: Int64 = 0
    ) throws -> ProjectionChange {
        ProjectionChange(
            Self.change,
            [
                .text(event.tenant.rawValue), .position(event), .text(kind),
                try order.map { try .key($0, "order_id") } ?? .null, .integer(Int64(line)),
                try sku.map { try .key($0, "sku") } ?? .null, .integer(quantity),
            ])
    }
}
