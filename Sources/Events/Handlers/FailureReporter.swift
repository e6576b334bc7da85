/// Tells the world of failed runs.
public protocol FailureReporter: Sendable {
    /// Returns when it was told, or cannot be: a failure to tell holds up nobody.
    func report(_ failure: HandlerFailure) async
}

/// Tells nobody.
public struct SilentReporter: FailureReporter {
    public init() {}

    public func report(_ failure: HandlerFailure) async {}
}

/// One run that failed.
public struct HandlerFailure: Sendable {
    public let handler: String
    /// As the ledger names it.
    public let consumer: String
    public let deliveryID: String
    public let event: RecordedEvent
    public let attempt: Int
    /// Tells the tries of a dead letter from those before: attempts are counted anew. Zero: of none.
    public let revival: Int64
    public let report: FailureReport
    public let isRetried: Bool
    public let at: Timestamp

    public init(
        handler: String, consumer: String, deliveryID: String, event: RecordedEvent, attempt: Int,
        revival: Int64 = 0, report: FailureReport, isRetried: Bool, at: Timestamp
    ) {
        self.handler = handler
        self.consumer = consumer
        self.deliveryID = deliveryID
        self.event = event
        self.attempt = attempt
        self.revival = revival
        self.report = report
        self.isRetried = isRetried
        self.at = at
    }
}
