public import EventProtos
import Events
public import GRPC

extension EventServiceServer {
    public func getEvent(
        _ request: ApusV1.GetEventRequest, call: ServerCall
    ) async throws -> ApusV1.GetEventResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            guard let id = EventID(request.id) else {
                throw EventsError.invalid("id", "must be a UUID")
            }
            let tenant = try caller.tenant(named: request.tenantId, field: "tenant_id")
            return try await lookingUp.passing(Self.eventBytes, of: caller.tenant) {
                try await answer(id, tenant)
            }
        }
    }

    /// An event may have so many.
    private static let eventBytes = 1 << 20

    private func answer(
        _ id: EventID, _ tenant: TenantID
    ) async throws -> ApusV1.GetEventResponse {
        let event = try await log.event(id: id, tenant: tenant)
        // Asked first, so that the deliveries never say less than the status beside them.
        guard let standing = try await books.standings(of: [event]).first else {
            throw EventsError.eventNotFound(id)
        }
        let history = try await books.deliveries(at: event.position, limit: DeliveryHistory.shown)
        var response = ApusV1.GetEventResponse(event, standing)
        response.deliveries = history.records.map(ApusV1.DeliveryRecord.init)
        response.deliveriesTruncated = history.isTruncated
        return response
    }
}

extension Caller {
    /// The tenant that a request names; the caller's own when it names none.
    ///
    /// - Throws: ``EventsError``: `.invalidArgument`, `.permissionDenied`.
    func tenant(named name: String, field: String) throws(EventsError) -> TenantID {
        guard !name.isEmpty else { return tenant }
        guard let named = TenantID(name) else {
            throw .invalid(field, "must match [A-Za-z0-9._-]{1,64}")
        }
        guard mayAct(for: named) else { throw .tenantDenied(name) }
        return named
    }
}

extension ApusV1.GetEventResponse {
    init(_ event: RecordedEvent, _ standing: EventStanding) {
        self.init()
        self.event = ApusV1.Event(event)
        status = ApusV1.EventStatus(rawValue: Int32(standing.status.rawValue))
        processedAt = standing.processedAt.map(GoogleProtobuf.Timestamp.init)
        errorMessage = standing.errorMessage
    }
}

extension ApusV1.DeliveryRecord {
    init(_ record: Events.DeliveryRecord) {
        self.init()
        consumer = record.consumer
        attempt = UInt32(clamping: record.attempt)
        outcome = ApusV1.DeliveryOutcome(rawValue: Int32(record.outcome.rawValue))
        startedAt = GoogleProtobuf.Timestamp(record.startedAt)
        duration = GoogleProtobuf.Duration(record.duration)
        errorMessage = record.errorMessage
        retryRequired = record.isRetryRequired
        nextAttemptAt = record.nextAttemptAt.map(GoogleProtobuf.Timestamp.init)
        node = record.node
        replayId = record.replay?.description ?? ""
    }
}
