/// One line of the ledger: who was handed an event, when, with what result.
public struct DeliveryRecord: Sendable, Hashable {
    /// `handler/NAME`, `group/NAME`, `webhook/NAME`, `kafka/TOPIC`.
    public let consumer: String
    /// From 1.
    public let attempt: Int
    public let outcome: DeliveryOutcome
    public let startedAt: Timestamp
    public let duration: Duration
    /// A class and a reference; empty when nothing failed.
    public let errorMessage: String
    public let isRetryRequired: Bool
    public let nextAttemptAt: Timestamp?
    /// Of the node that ran it.
    public let node: String
    /// The replay it belongs to.
    public let replay: EventID?

    public init(
        consumer: String, attempt: Int, outcome: DeliveryOutcome, startedAt: Timestamp,
        duration: Duration, errorMessage: String = "", isRetryRequired: Bool = false,
        nextAttemptAt: Timestamp? = nil, node: String, replay: EventID? = nil
    ) {
        self.consumer = consumer
        self.attempt = attempt
        self.outcome = outcome
        self.startedAt = startedAt
        self.duration = duration
        self.errorMessage = errorMessage
        self.isRetryRequired = isRetryRequired
        self.nextAttemptAt = nextAttemptAt
        self.node = node
        self.replay = replay
    }
}

/// How a delivery ended. Raw values are those of `apus.v1.DeliveryOutcome`.
public enum DeliveryOutcome: Int, Sendable, Hashable, CaseIterable {
    case running = 1
    case succeeded = 2
    case declined = 3
    case failed = 4
    case timedOut = 5
    case deadLettered = 6
    case skipped = 7
    case discarded = 8

    public var isFailure: Bool { self == .failed || self == .timedOut }

    /// As metrics name it: `timed_out`.
    var label: String {
        switch self {
        case .running: "running"
        case .succeeded: "succeeded"
        case .declined: "declined"
        case .failed: "failed"
        case .timedOut: "timed_out"
        case .deadLettered: "dead_lettered"
        case .skipped: "skipped"
        case .discarded: "discarded"
        }
    }
}

/// The newest deliveries of an event.
public struct DeliveryHistory: Sendable, Hashable {
    /// Newest first.
    public let records: [DeliveryRecord]
    /// There are older ones.
    public let isTruncated: Bool

    public init(records: [DeliveryRecord], isTruncated: Bool) {
        self.records = records
        self.isTruncated = isTruncated
    }

    /// So many are shown of one event.
    public static let shown = 100
}

/// How far the handlers are with one event.
public struct EventStanding: Sendable, Hashable {
    public let status: EventStatus
    /// When the last handler was done with it, as far as the ledger still knows.
    public let processedAt: Timestamp?
    /// Of the open dead letter: a class and a reference.
    public let errorMessage: String

    public init(status: EventStatus, processedAt: Timestamp? = nil, errorMessage: String = "") {
        self.status = status
        self.processedAt = processedAt
        self.errorMessage = errorMessage
    }
}
