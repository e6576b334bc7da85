/// What became of handing one event to one handler once.
public struct HandlerRun: Sendable {
    public let event: RecordedEvent
    public let attempt: Int
    public let outcome: DeliveryOutcome
    public let startedAt: Timestamp
    public let duration: Duration
    /// Set when the outcome is a failure.
    public let failure: FailureReport?
    /// What the handler knows of the failure; nil: it is permanent.
    public let error: HandlerError?
    /// What a projection wants changed.
    public let changes: [ProjectionChange]

    public init(
        event: RecordedEvent, attempt: Int, outcome: DeliveryOutcome, startedAt: Timestamp,
        duration: Duration, failure: FailureReport? = nil, error: HandlerError? = nil,
        changes: [ProjectionChange] = []
    ) {
        self.event = event
        self.attempt = attempt
        self.outcome = outcome
        self.startedAt = startedAt
        self.duration = duration
        self.failure = failure
        self.error = error
        self.changes = changes
    }

    /// What it says of the handler's circuits.
    var circuit: CircuitBreaker.Outcome {
        if outcome == .succeeded { return .answered(by: nil) }
        guard let error else { return .unknown }
        if error.mayBeRetried {
            return .failed(target: error.target, isRefused: error.kind == .refused)
        }
        return error.target.map { .answered(by: $0) } ?? .unknown
    }

    /// The same run, told as a failure.
    func failing(_ failure: FailureReport) -> HandlerRun {
        HandlerRun(
            event: event, attempt: attempt, outcome: .failed, startedAt: startedAt,
            duration: duration, failure: failure)
    }
}

/// What tenants are told of a failure: a class, and a reference under which the operator's log has
/// the text.
public struct FailureReport: Sendable, Hashable {
    public enum Class: String, Sendable, Hashable, CaseIterable {
        case handlerFailed = "HANDLER_FAILED"
        case timedOut = "TIMED_OUT"
        /// It may go well another time.
        case temporary = "TEMPORARY"
        /// What the handler calls does not let it in.
        case refused = "REFUSED"
        /// The store refused what a projection wanted changed.
        case changeRefused = "CHANGE_REFUSED"
    }

    public let `class`: Class
    public let reference: String

    public init(_ class: Class, reference: String) {
        self.class = `class`
        self.reference = reference
    }

    public init(_ class: Class) {
        let random = String(UInt64.random(in: 0 ... .max), radix: 16)
        self.init(`class`, reference: String(repeating: "0", count: 16 - random.count) + random)
    }

    /// As in `error_message`.
    public var message: String { "\(`class`.rawValue) (reference \(reference))" }
}
