import EventProtos
public import Events
import GRPC
import Protobuf
public import Telemetry

/// Tells the Security Hub what was published, in batches: what is due while a call is under way goes
/// with the next one. Which came first is in the records, so their order does not matter.
public struct SecurityHubAudit: NeighbourHandler {
    typealias Record = SecurityhubV2.AuditEvent

    let traits: NeighbourTraits
    private let hub: SecurityHub
    private let gathering: Gathering<Record, Bool>

    private static let limits: GatheringState.Limits = {
        var limits = GatheringState.Limits()
        limits.maxRequests = 256
        return limits
    }()

    /// - Parameters:
    ///   - types: What is told; all of it when there are none.
    ///   - deadline: Of a call.
    public init(
        _ hub: SecurityHub, types: [TypePattern] = [], deadline: Duration,
        metrics: MetricsRegistry
    ) {
        traits = .securityHub(types: types, deadline: deadline)
        self.hub = hub
        gathering = Gathering(.securityHub, limits: Self.limits, metrics: metrics)
    }

    /// Runs that wait for a call that others make, or for their turn.
    var waiting: Int { gathering.waiting }

    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        let record = AuditTrail.record(of: event)
        // An event that is replayed while it is live must not be in one request twice.
        _ = try await gathering.answer(
            to: record, group: "", lane: record.eventId, bytes: record.encoded().count
        ) { records in
            try await send(records, context.deliveryID)
        }
        return .done
    }

    /// One record that the hub does not take must not make dead letters of the others, so a batch
    /// that fails for good is sent again one by one, and so are those that the answer leaves open.
    private func send(
        _ records: [Record], _ requestID: String
    ) async throws -> [Result<Bool, any Error>] {
        let call = NeighbourCall(neighbour: .securityHub, method: "RecordAuditEvents")
        let answer = try await call.outcome {
            try await hub.recordAuditEvents(
                SecurityhubV2.RecordAuditEventsRequest(events: records, requestId: requestID))
        }
        var outcomes: [Result<Bool, any Error>?]
        switch answer {
        case .failure(let failure) where failure.consequence != .giveUp || records.count == 1:
            return records.map { _ in .failure(failure.handlerError) }
        case .failure:
            outcomes = records.map { _ in nil }
        case .success(let response):
            outcomes = AuditTrail.verdicts(response, on: records).map { verdict in
                verdict.map { $0.map { true }.forHandler }
            }
        }
        let open = records.indices.filter { outcomes[$0] == nil }
        if records.count == 1, !open.isEmpty {
            return [.failure(Self.unclear)]
        }
        let rest = try await NeighbourCall.eachAlone(open.map { records[$0] }) { record in
            try await send([record], record.eventId)
        }
        for (index, outcome) in zip(open, rest) { outcomes[index] = outcome.first }
        return outcomes.compactMap(\.self)
    }

    private static let unclear = NeighbourFailure(
        .internalError, "the answer does not say what became of the event", from: .securityHub,
        method: "RecordAuditEvents"
    ).handlerError
}
