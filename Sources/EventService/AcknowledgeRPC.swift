public import EventProtos
import Events
public import GRPC

extension EventServiceServer {
    /// Answers once what the acknowledgements did is durable.
    public func acknowledge(
        _ request: ApusV1.AcknowledgeRequest, call: ServerCall
    ) async throws -> ApusV1.AcknowledgeResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            guard let group = GroupName(request.group) else {
                throw EventsError.invalid("group", GroupName.rule)
            }
            guard request.acks.count <= Acknowledgement.maxPerRequest else {
                throw EventsError.invalid(
                    "acks", "must have at most \(Acknowledgement.maxPerRequest) entries")
            }
            let expired = try await groups.acknowledge(
                try Acknowledgement.all(request.acks), group: group, tenant: caller.tenant)
            return ApusV1.AcknowledgeResponse(expiredAckTokens: expired)
        }
    }
}

extension Acknowledgement {
    /// - Throws: ``EventsError``, `.invalidArgument`, naming each field that is none.
    static func all(_ acks: [ApusV1.Ack]) throws(EventsError) -> [Acknowledgement] {
        var faults: [FieldViolation] = []
        var read: [Acknowledgement] = []
        read.reserveCapacity(acks.count)
        for (index, ack) in acks.enumerated() {
            let action = Action(rawValue: Int(ack.action.rawValue))
            let delay = ack.delay.map { $0.duration } ?? .zero
            guard let action, let delay else {
                if action == nil {
                    let description =
                        ack.action == .unspecified ? "must be set" : "is no action"
                    faults.append(
                        FieldViolation(field: "acks[\(index)].action", description: description))
                }
                if delay == nil {
                    faults.append(
                        FieldViolation(
                            field: "acks[\(index)].delay", description: "is no duration"))
                }
                continue
            }
            read.append(
                Acknowledgement(
                    token: ack.ackToken, action: action, reason: ack.reason, delay: delay))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        return read
    }
}
