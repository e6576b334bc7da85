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
            return try await store(prepare(request, context))
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
                case .success(let request): try await prepare(request, context)
                case .failure(let error): throw EventsError(error)
                }
            }
        } work: { prepared in
            switch prepared {
            case .success(let prepared): try await refusable { try await store(prepared) }
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

    private func prepare(
        _ request: ApusV1.PublishRequest, _ context: PublishContext
    ) async throws -> Publisher.Prepared {
        try publisher.admit(eventCount: request.events.count)
        return try await publisher.prepare(PublishCommand(request), context: context)
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

    private func store(_ prepared: Publisher.Prepared) async throws -> ApusV1.PublishResponse {
        let outcomes = try await publisher.store(prepared)
        statistics.published(outcomes)
        return ApusV1.PublishResponse(results: outcomes.map(ApusV1.PublishResult.init))
    }
}

extension PublishCommand {
    init(_ request: ApusV1.PublishRequest) {
        let hash = SHA256()
        self.init(
            events: request.events.map { EventDraft($0, hash: hash) },
            allowPartial: request.allowPartial,
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
