public import Events

/// What people are told when an event of some type comes.
public struct NotificationTemplate: Sendable, Hashable {
    /// Shown to sinks; for people.
    public let name: String
    public let types: TypePattern
    /// Only when the order stands there now: `shipped`; nil: wherever.
    public let status: String?
    /// Whom to tell, as the sink understands it; may come to nothing.
    public let to: TextTemplate
    public let title: TextTemplate
    public let text: TextTemplate

    public init(
        name: String, types: TypePattern, status: String? = nil, to: TextTemplate,
        title: TextTemplate, text: TextTemplate
    ) {
        self.name = name
        self.types = types
        self.status = status
        self.to = to
        self.title = title
        self.text = text
    }

    /// Statuses of orders, as templates name them.
    public static let statuses = [
        "pending", "paid", "processing", "shipped", "delivered", "cancelled", "returned",
        "refunded",
    ]

    /// What is used where the configuration has no templates of its own.
    public static let standard: [NotificationTemplate] = [
        standard("lead-created", "lead.created", nil, "", "New lead {lead_id}", "From {source}."),
        standard(
            "order-created", "order.created", nil, customer, "We have your order {order.number}",
            "Thank you, {order.customer.name}. It comes to {order.total}."),
        standard(
            "payment-processed", "payment.processed", nil, "",
            "Payment {payment_id} for order {order_id}", "{amount} by {method}."),
        standard(
            "order-processing", "order.status_changed", "processing", customer,
            "Your order {order.number} is being packed", "We tell you when it leaves."),
        standard(
            "order-paid", "order.paid", nil, customer, "Your order {order.number} is paid",
            "We got {amount}."),
        standard(
            "order-shipped", "order.shipped", nil, customer,
            "Your order {order.number} is on its way",
            "With {carrier}, number {tracking_number}. {tracking_url}"),
        standard(
            "order-delivered", "order.delivered", nil, customer,
            "Your order {order.number} has arrived", "Taken by {received_by}."),
        standard(
            "order-cancelled", "order.cancelled", nil, customer,
            "Your order {order.number} was cancelled", "{reason}"),
        standard(
            "order-returned", "order.returned", nil, customer,
            "We have what you sent back of order {order.number}", "{reason}"),
        standard(
            "order-refunded", "order.refunded", nil, customer,
            "Your money for order {order.number} is on its way", "{amount}. {reason}"),
    ].compactMap(\.self)

    private static let customer = "{order.customer.email}"

    private static func standard(
        _ name: String, _ type: String, _ status: String?, _ to: String, _ title: String,
        _ text: String
    ) -> NotificationTemplate? {
        guard let types = TypePattern(type), let to = TextTemplate(to),
            let title = TextTemplate(title), let text = TextTemplate(text)
        else { return nil }
        return NotificationTemplate(
            name: name, types: types, status: status, to: to, title: title, text: text)
    }
}
