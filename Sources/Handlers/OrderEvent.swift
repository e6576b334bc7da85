import EventProtos
import Events

/// What the events of orders have in common.
struct OrderEvent {
    enum Stage: String {
        case created
        case statusChanged = "status_changed"
        case paid, cancelled, shipped, delivered, returned, refunded
        /// A payment went through, which the order may not know yet.
        case payment
    }

    let stage: Stage
    let orderID: String
    let customerID: String?
    let order: ApusEventsOrderV1.Order?
    /// Where the order stands since; nil when the event does not say.
    let status: ApusEventsOrderV1.OrderStatus?
    /// What was paid or given back.
    private(set) var amount: ApusEventsCommonV1.Money?
    /// When it happened, as the payload says.
    private(set) var at: GoogleProtobuf.Timestamp?
    /// Of a return of some of the lines.
    private(set) var returnedLines: [ApusEventsOrderV1.OrderLine] = []

    /// Nil when it is no event of an order.
    ///
    /// - Throws: `DecodingError`.
    init?(_ event: RecordedEvent) throws {
        typealias Orders = ApusEventsOrderV1
        if let told = try event.payload(Orders.OrderCreated.self) {
            self.init(.created, told.orderId, told.customerId, told.order, .pending)
            at = told.order?.createdAt
        } else if let told = try event.payload(Orders.OrderStatusChanged.self) {
            self.init(.statusChanged, told.orderId, told.customerId, told.order, told.newStatus)
        } else if let told = try event.payload(Orders.OrderPaid.self) {
            self.init(.paid, told.orderId, told.customerId, told.order, .paid)
            (amount, at) = (told.amount, told.paidAt)
        } else if let told = try event.payload(Orders.OrderCancelled.self) {
            self.init(.cancelled, told.orderId, told.customerId, told.order, .cancelled)
            at = told.cancelledAt
        } else if let told = try event.payload(Orders.OrderShipped.self) {
            self.init(.shipped, told.orderId, told.customerId, told.order, .shipped)
            at = told.shippedAt
        } else if let told = try event.payload(Orders.OrderDelivered.self) {
            self.init(.delivered, told.orderId, told.customerId, told.order, .delivered)
            at = told.deliveredAt
        } else if let told = try event.payload(Orders.OrderReturned.self) {
            self.init(.returned, told.orderId, told.customerId, told.order, .returned)
            (at, returnedLines) = (told.returnedAt, told.returnedLines)
        } else if let told = try event.payload(Orders.OrderRefunded.self) {
            self.init(.refunded, told.orderId, told.customerId, told.order, .refunded)
            (amount, at) = (told.amount, told.refundedAt)
        } else if let told = try event.payload(ApusEventsPaymentV1.PaymentProcessed.self) {
            self.init(.payment, told.orderId, told.customerId, nil, nil)
            (amount, at) = (told.amount, told.processedAt)
        } else {
            return nil
        }
    }

    private init(
        _ stage: Stage, _ orderID: String, _ customerID: String?,
        _ order: ApusEventsOrderV1.Order?, _ status: ApusEventsOrderV1.OrderStatus?
    ) {
        self.stage = stage
        self.orderID = orderID
        self.customerID = customerID
        self.order = order
        self.status = status
    }
}
