import EventProtos
import Events
import GRPC

// Subscribe, with a group.
extension EventServiceServer {
    /// A gRPC stream as a member of a group.
    func join(
        _ request: ApusV1.SubscribeRequest,
        _ responses: TypedResponses<ApusV1.SubscribeResponse>, caller: Caller, call: ServerCall
    ) async throws {
        let wanted = try MembershipRequest(request, caller: caller)
        try await groups.withMembership(wanted) { membership in
            // Headers before the first event, so that a client knows that it is a member.
            await call.sendInitialMetadata(Metadata())
            while let item = try await membership.next() {
                try await responses.send(ApusV1.SubscribeResponse(item))
            }
        }
    }
}

extension MembershipRequest {
    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field.
    init(_ request: ApusV1.SubscribeRequest, caller: Caller) throws(EventsError) {
        var faults: [FieldViolation] = []
        let name = GroupName(request.group)
        if name == nil {
            faults.append(FieldViolation(field: "group", description: GroupName.rule))
        }
        if let filter = request.filter, filter != ApusV1.Filter() {
            faults.append(
                FieldViolation(
                    field: "filter", description: "must be empty: the group has its own"))
        }
        if let start = request.start {
            faults.append(
                FieldViolation(
                    field: start.field, description: "must not be set: the group keeps its place"))
        }
        if request.maxInFlight > Self.maxInFlightRange.upperBound {
            faults.append(
                FieldViolation(
                    field: "max_in_flight",
                    description: "must be at most \(Self.maxInFlightRange.upperBound)"))
        }
        guard let name, faults.isEmpty else { throw .invalid(faults) }
        self.init(
            group: name, tenant: caller.tenant,
            maxInFlight: request.maxInFlight == 0
                ? Self.defaultMaxInFlight : Int(request.maxInFlight),
            heartbeat: try SubscriptionRequest.heartbeat(request.heartbeatInterval),
            untilCaughtUp: request.untilCaughtUp)
    }
}

extension ApusV1.SubscribeRequest.Start {
    /// As the client's own code names it.
    fileprivate var field: String {
        switch self {
        case .beginning: "beginning"
        case .end: "end"
        case .afterPosition: "after_position"
        case .since: "since"
        case .cursor: "cursor"
        }
    }
}

extension ApusV1.SubscribeResponse {
    init(_ item: GroupItem) {
        self.init()
        switch item {
        case .deliveries(let deliveries):
            self.deliveries = deliveries.map(ApusV1.Delivery.init)
        case .checkpoint(let position):
            checkpoint = ApusV1.Checkpoint(position: position.rawValue)
        }
    }
}

extension ApusV1.Delivery {
    /// Without a cursor: the group keeps its own place.
    init(_ delivery: GroupDelivery) {
        self.init(
            event: ApusV1.Event(delivery.event), deliveryId: delivery.deliveryID,
            attempt: UInt32(clamping: delivery.attempt), ackToken: delivery.token.encoded())
    }
}
