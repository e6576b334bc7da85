/// What every handler says about itself.
public protocol HandlerTraits: Sendable {
    /// For ever the same, and no other handler's: progress, ledger and dead letters hang on it.
    /// `[a-z0-9-]{1,64}`.
    var name: String { get }
    /// Takes events whose type matches one of them; at least one.
    var types: [TypePattern] { get }
    /// Whether a run is felt outside of Apus (a message, a webhook, a call to a neighbour).
    /// Replays leave such a handler out unless it is asked for.
    var hasExternalSideEffects: Bool { get }
    /// A run that takes longer is cancelled and counts as timed out, which is a transient failure.
    /// 1 ms to 12 h.
    var timeLimit: Duration { get }
    /// Runs at one time on one node; 1...1,000.
    var concurrency: Int { get }
    /// What follows a transient failure.
    var retry: RetryPolicy { get }
    var ordering: HandlerOrdering { get }
    /// As the ledger, metrics and clients name it: a kind and the name, `handler/NAME`. A webhook
    /// says `webhook/NAME`.
    var consumer: String { get }
}

extension HandlerTraits {
    public var hasExternalSideEffects: Bool { false }
    public var timeLimit: Duration { .seconds(30) }
    public var concurrency: Int { 16 }
    public var retry: RetryPolicy { .standard }
    public var ordering: HandlerOrdering { .perKey(afterDeadLetter: .continue) }
    public var consumer: String { HandlerName.consumer(name) }

    /// The same for each run of the event by this handler.
    func deliveryID(of event: RecordedEvent) -> String { event.deliveryID(to: consumer) }

    /// Whether all of them are the same.
    func isSame(as other: any HandlerTraits) -> Bool {
        name == other.name && consumer == other.consumer && types == other.types
            && hasExternalSideEffects == other.hasExternalSideEffects
            && timeLimit == other.timeLimit && concurrency == other.concurrency
            && retry == other.retry && ordering == other.ordering
    }

    /// What is wrong with them, each with its name under `field`.
    func faults(under field: String) -> [FieldViolation] {
        var faults: [FieldViolation] = []
        func check(_ isRight: Bool, _ name: String, _ rule: String) {
            if !isRight { faults.append(FieldViolation(field: field + name, description: rule)) }
        }
        check(HandlerName.isValid(name), "", "must match [a-z0-9-]{1,64}")
        check(!types.isEmpty, ".types", "must take a type")
        check(
            HandlerLimits.timeLimits.contains(timeLimit), ".timeLimit",
            "must be between 1 ms and 12 h")
        check(
            HandlerLimits.concurrencies.contains(concurrency), ".concurrency",
            "must be between 1 and \(HandlerLimits.concurrencies.upperBound)")
        let parts = consumer.split(separator: "/", omittingEmptySubsequences: false)
        check(
            parts.count == 2 && HandlerName.isValid(String(parts[0])) && parts[1] == name,
            ".consumer", "must be a kind and the handler's name, as handler/NAME")
        return faults + retry.faults(under: field + ".retry")
    }
}

/// What handlers may ask for.
public enum HandlerLimits {
    public static let timeLimits: ClosedRange<Duration> = .milliseconds(1) ... .seconds(43_200)
    public static let concurrencies = 1...1_000
}

/// In which order a handler gets its events.
public enum HandlerOrdering: Sendable, Hashable {
    /// One event of a partition key at a time, by position. `afterDeadLetter` says whether later
    /// events of a key wait until a dead letter before them is retried or discarded.
    case perKey(afterDeadLetter: GroupOrdering)
    /// Each event for itself.
    case none
}

/// The grammar of handlers' names.
public enum HandlerName {
    /// Those of the handlers that ship with Apus, which run wherever `apus serve` does: nobody else's
    /// handler may have their progress.
    public static let shipped: Set<String> = [
        "autopilot-attribution", "behavior-analytics", "conversation-analytics", "inventory",
        "lead-analytics", "lead-autopilot", "mcp-engine", "message-slo", "notification",
        "order-analytics", "security-hub-audit", "sequence-funnel",
    ]

    public static func isValid(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { character in
                switch character {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    static func consumer(_ name: String) -> String { "handler/\(name)" }
}
