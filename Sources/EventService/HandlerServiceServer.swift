public import EventProtos
public import Events
public import GRPC
import Protobuf
public import Telemetry

/// `apus.v1.HandlerService`: handlers, and what consumers could not do.
public struct HandlerServiceServer: ApusV1.HandlerServiceProvider {
    private let handlers: HandlerHost
    private let deadLetters: any DeadLetters
    private let callers: Callers
    private let faults: Faults

    public init(
        handlers: HandlerHost, deadLetters: any DeadLetters, callers: Callers, logger: Logger
    ) {
        self.handlers = handlers
        self.deadLetters = deadLetters
        self.callers = callers
        faults = Faults(logger: logger)
    }

    public func listHandlers(
        _ request: ApusV1.ListHandlersRequest, call: ServerCall
    ) async throws -> ApusV1.ListHandlersResponse {
        try await faults.mapped {
            _ = try callers.caller(of: call)
            return ApusV1.ListHandlersResponse(
                handlers: try await handlers.list().map(ApusV1.Handler.init))
        }
    }

    public func pauseHandler(
        _ request: ApusV1.PauseHandlerRequest, call: ServerCall
    ) async throws -> ApusV1.Handler {
        try await faults.mapped {
            _ = try callers.caller(of: call)
            return ApusV1.Handler(try await handlers.pause(try checked(request.name)))
        }
    }

    public func resumeHandler(
        _ request: ApusV1.ResumeHandlerRequest, call: ServerCall
    ) async throws -> ApusV1.Handler {
        try await faults.mapped {
            _ = try callers.caller(of: call)
            return ApusV1.Handler(try await handlers.resume(try checked(request.name)))
        }
    }

    public func rebuildHandler(
        _ request: ApusV1.RebuildHandlerRequest, call: ServerCall
    ) async throws -> ApusV1.Handler {
        try await faults.mapped {
            _ = try callers.caller(of: call)
            return ApusV1.Handler(try await handlers.rebuild(try checked(request.name)))
        }
    }

    private func checked(_ name: String) throws(EventsError) -> String {
        guard HandlerName.isValid(name) else {
            throw .invalid("name", "must match [a-z0-9-]{1,64}")
        }
        return name
    }

    public func listDeadLetters(
        _ request: ApusV1.ListDeadLettersRequest, call: ServerCall
    ) async throws -> ApusV1.ListDeadLettersResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let selection = try DeadLetterSelection(
                consumer: request.consumer, ids: request.ids, filter: request.filter,
                caller: caller)
            let limit = try PageSize.checked(request.pageSize)
            let token = PageToken(request: request)
            let after = try token.number(in: request.pageToken, upTo: UInt64(Int64.max)) ?? 0
            let page = try await deadLetters.list(
                selection, after: Int64(after), limit: limit, maxBytes: Self.maxListedBytes)
            var response = ApusV1.ListDeadLettersResponse()
            var bytes = 0
            for letter in page.letters where bytes < Self.maxListedBytes {
                let listed = ApusV1.DeadLetter(letter)
                bytes += listed.encoded().count
                response.deadLetters.append(listed)
            }
            let shown = response.deadLetters.count
            if shown > 0, page.hasMore || shown < page.letters.count {
                response.nextPageToken = token.text(UInt64(page.letters[shown - 1].number))
            }
            return response
        }
    }

    /// A response stays under 3 MiB, also when its last event is one of 1 MiB.
    private static let maxListedBytes = 3 << 19

    public func retryDeadLetters(
        _ request: ApusV1.RetryDeadLettersRequest, call: ServerCall
    ) async throws -> ApusV1.RetryDeadLettersResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let selection = try DeadLetterSelection(
                changing: request.consumer, ids: request.ids, filter: request.filter,
                caller: caller)
            let pace = Int(request.maxEventsPerSecond)
            let count = try await deadLetters.retry(
                selection, perSecond: pace == 0 ? nil : pace)
            return ApusV1.RetryDeadLettersResponse(retried: UInt64(count))
        }
    }

    public func discardDeadLetters(
        _ request: ApusV1.DiscardDeadLettersRequest, call: ServerCall
    ) async throws -> ApusV1.DiscardDeadLettersResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let selection = try DeadLetterSelection(
                changing: request.consumer, ids: request.ids, filter: request.filter,
                caller: caller)
            let longest = Acknowledgement.maxReasonBytes
            guard (1...longest).contains(request.reason.utf8.count),
                !request.reason.utf8.contains(0)
            else {
                throw EventsError.invalid(
                    "reason", "must be 1 to \(longest) bytes without a NUL character")
            }
            let count = try await deadLetters.discard(selection, reason: request.reason)
            return ApusV1.DiscardDeadLettersResponse(discarded: UInt64(count))
        }
    }
}

extension DeadLetterSelection {
    private static let maxIDs = 1_000
    private static let maxConsumerBytes = 512
    private static let kindsOfConsumers = ["handler", "group", "webhook", "kafka"]

    private static func isConsumer(_ text: String) -> Bool {
        let parts = text.split(separator: "/", maxSplits: 1)
        return parts.count == 2 && kindsOfConsumers.contains { $0 == parts[0] }
            && text.utf8.count <= maxConsumerBytes && !text.utf8.contains(0)
    }

    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field, `.permissionDenied`.
    fileprivate init(
        consumer: String, ids texts: [String], filter: ApusV1.Filter?, caller: Caller
    ) throws(EventsError) {
        var faults: [FieldViolation] = []
        if !consumer.isEmpty, !Self.isConsumer(consumer) {
            faults.append(
                FieldViolation(
                    field: "consumer", description: "must be handler/NAME or group/NAME"))
        }
        if texts.count > Self.maxIDs {
            faults.append(
                FieldViolation(field: "ids", description: "must be at most \(Self.maxIDs)"))
        }
        var ids: [EventID] = []
        for (index, text) in texts.prefix(Self.maxIDs).enumerated() {
            if let id = EventID(text) {
                ids.append(id)
            } else {
                faults.append(FieldViolation(field: "ids[\(index)]", description: "must be a UUID"))
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        let wanted: EventFilter? =
            if let filter { try EventFilter(filter, caller: caller) } else { nil }
        self.init(
            tenant: caller.tenant, consumer: consumer.isEmpty ? nil : consumer, ids: ids,
            filter: wanted)
    }

    /// As what is listed, but never all by leaving everything out.
    fileprivate init(
        changing consumer: String, ids: [String], filter: ApusV1.Filter?, caller: Caller
    ) throws(EventsError) {
        guard !consumer.isEmpty || !ids.isEmpty || filter != nil else {
            throw .invalid("consumer", "must be set, or ids, or filter")
        }
        try self.init(consumer: consumer, ids: ids, filter: filter, caller: caller)
    }
}

extension ApusV1.Handler {
    init(_ standing: HandlerStanding) {
        self.init(
            name: standing.name, types: standing.types.map(\.text),
            state: ApusV1.HandlerState(rawValue: Int32(standing.state.rawValue)),
            position: standing.position.rawValue, lagEvents: standing.lagEvents,
            lag: GoogleProtobuf.Duration(standing.lag), succeeded: standing.succeeded,
            failed: standing.failed, retrying: standing.retrying,
            deadLettered: standing.deadLettered,
            externalSideEffects: standing.hasExternalSideEffects, nodes: standing.nodes)
    }
}

extension ApusV1.DeadLetter {
    init(_ letter: Events.DeadLetter) {
        self.init(
            consumer: letter.consumer, event: ApusV1.Event(letter.event),
            attempts: letter.attempts.map(ApusV1.DeliveryRecord.init),
            deadLetteredAt: GoogleProtobuf.Timestamp(letter.deadLetteredAt),
            reason: letter.reason)
    }
}
