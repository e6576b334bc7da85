/// A member's word on one delivery.
public struct Acknowledgement: Sendable, Hashable {
    /// Raw values are those of `apus.v1.AckAction`.
    public enum Action: Int, Sendable, Hashable, CaseIterable {
        /// Done.
        case ack = 1
        /// Failed: hand it out again, after the delay; the attempt counts.
        case retry = 2
        /// Give it up at once.
        case deadLetter = 3
        /// Still at work: the deadline is so far from now (the delay; zero: the group's).
        case extend = 4
        /// Not begun: hand it out again, after the delay; the attempt does not count.
        case release = 5
    }

    /// As the client sent it.
    public var token: [UInt8]
    public var action: Action
    /// For the ledger and the dead letter; at most ``maxReasonBytes``.
    public var reason: String
    public var delay: Duration

    public static let maxReasonBytes = 1_024
    public static let longestDelay: Duration = .seconds(7 * 86_400)
    /// Of one request.
    public static let maxPerRequest = 10_000

    public init(
        token: [UInt8], action: Action, reason: String = "", delay: Duration = .zero
    ) {
        self.token = token
        self.action = action
        self.reason = reason
        self.delay = delay
    }

    /// What is wrong with it.
    ///
    /// - Parameter index: Its place in the request.
    func faults(at index: Int) -> [FieldViolation] {
        var faults: [FieldViolation] = []
        if reason.utf8.count > Self.maxReasonBytes || reason.utf8.contains(0) {
            faults.append(
                FieldViolation(
                    field: "acks[\(index)].reason",
                    description:
                        "must be at most \(Self.maxReasonBytes) bytes without a NUL character"))
        }
        if delay < .zero || delay > Self.longestDelay {
            faults.append(
                FieldViolation(
                    field: "acks[\(index)].delay", description: "must be between 0 and 7 days"))
        }
        return faults
    }
}
