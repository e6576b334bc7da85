import Digests
public import EventProtos
import Events
public import GRPC

// Publish and PublishStream.
extension EventServiceServer {
    public func publish(
        _ request: ApusV1.PublishRequest, call: ServerCall
    ) async throws -> ApusV1.PublishResponse {
        try await mapped {
            let context = try callers.publishContext(of: call)
            return try await store(check(request, context))
        }
    }

    /// Answers each request in turn while the next ones are being stored, in their order. A refused
    /// request, or one that does not decode, gets its answer, and the stream goes on.
    public func publishStream(
        _ requests: TypedRequests<ApusV1.PublishRequest>,
        _ responses: TypedResponses<ApusV1.PublishResponse>, call: ServerCall
    ) async throws {
        let context = try await mapped { try callers.publishContext(of: call) }
        try await OrderedPipeline(width: limits.streamedPublishesInFlight).run(
            requests.attempts
        ) { attempt in
            try await refusable {
                switch attempt {
                case .success(let request):
                    let checked = try check(request, context)
                    try await publisher.introduce(checked)
                    return checked
                case .failure(let error): throw EventsError(error)
                }
            }
        } work: { checked in
            switch checked {
            case .success(let checked): try await refusable { try await store(checked) }
            case .failure(let refusal): .failure(refusal)
            }
        } deliver: { (answer: Result<ApusV1.PublishResponse, EventsError>) in
            switch answer {
            case .success(let response):
                try await responses.send(response)
            case .failure(let refusal):
                try await responses.send(
                    ApusV1.PublishResponse(error: GoogleRpc.Status(refusal)))
            }
        }
    }

    private func check(
        _ request: ApusV1.PublishRequest, _ context: PublishContext
    ) throws(EventsError) -> Publisher.Checked {
        try publisher.admit(eventCount: request.events.count)
        return try publisher.check(PublishCommand(request), context: context)
    }

    private func refusable<Success>(
        _ body: () async throws -> Success
    ) async throws -> Result<Success, EventsError> {
        do {
            return .success(try await body())
        } catch let error as EventsError {
            return .failure(faults.told(error))
        }
    }

    private func store(_ checked: Publisher.Checked) async throws -> ApusV1.PublishResponse {
        let outcomes = try await publisher.store(checked)
        statistics.published(outcomes)
        return ApusV1.PublishResponse(results: outcomes.map(ApusV1.PublishResult.init))
    }
}

extension PublishCommand {
    init(_ request: ApusV1.PublishRequest) {
        let hash = SHA256()
        var events: [EventDraft] = []
        events.reserveCapacity(request.events.count)
        // In place: a copy of an event is one of each of its texts.
        let received = request.events.span
        for index in received.indices { events.append(EventDraft(received[index], hash: hash)) }
        self.init(
            events: events, allowPartial: request.allowPartial,
            precondition: request.precondition.map {
                Precondition(subject: $0.subject, lastPosition: $0.lastPosition)
            })
    }
}

extension ApusV1.PublishResult {
    init(_ outcome: PublishOutcome) {
        self.init()
        eventId = outcome.eventID
        switch outcome.outcome {
        case .stored(let position):
            self.position = position.rawValue
        case .duplicate(let position):
            self.position = position.rawValue
            duplicate = true
        case .rejected(let error):
            self.error = GoogleRpc.Status(error)
        }
    }
}
