public import EventProtos
import Events
public import GRPC

extension EventServiceServer {
    /// A gRPC stream as the sink of a subscription: it pulls the next item when the peer's window
    /// took the last one.
    public func subscribe(
        _ request: ApusV1.SubscribeRequest,
        _ responses: TypedResponses<ApusV1.SubscribeResponse>, call: ServerCall
    ) async throws {
        try await mapped {
            let caller = try callers.caller(of: call)
            guard request.group.isEmpty else {
                return try await join(request, responses, caller: caller, call: call)
            }
            let wanted = try SubscriptionRequest(request, caller: caller)
            try await subscriptions.withSubscription(wanted) { subscription in
                // Headers before the first event, so that a client knows that it is subscribed.
                await call.sendInitialMetadata(Metadata())
                var item = try await subscription.next(encodedBy: DeliveryWriter())
                while let current = item {
                    switch current {
                    case .deliveries(let batch):
                        try await responses.send(encoded: batch.bytes)
                    case .history:
                        var page = subscription.takePage()
                        if page?.mayReadAhead == true {
                            async let ahead = Self.following(subscription)
                            // It is asked for before this one is encoded: its task begins, then goes
                            // over to its connection.
                            for _ in 0..<2 { await Task.yield() }
                            try await Self.send(&page, responses)
                            (subscription, item) = try await ahead
                            continue
                        }
                        try await Self.send(&page, responses)
                    case .checkpoint, .caughtUp:
                        try await responses.send(
                            ApusV1.SubscribeResponse(current, of: subscription))
                    }
                    item = try await subscription.next(encodedBy: DeliveryWriter())
                }
            }
        }
    }

    /// Nothing is left of the page, nor of its room, when the next one is waited for.
    private static func send(
        _ page: inout HistoryPage?, _ responses: TypedResponses<ApusV1.SubscribeResponse>
    ) async throws {
        while let batch = try page?.nextBatch(encodedBy: DeliveryWriter()) {
            try await responses.send(encoded: batch.bytes)
            // What else is to be done on this loop is done in between.
            await Task.yield()
        }
        page = nil
    }

    private static func following(
        _ subscription: Subscription
    ) async throws -> (Subscription, EncodedItem?) {
        var subscription = subscription
        let item = try await subscription.next(encodedBy: DeliveryWriter())
        return (subscription, item)
    }
}

extension SubscriptionRequest {
    init(_ request: ApusV1.SubscribeRequest, caller: Caller) throws(EventsError) {
        try self.init(
            filter: EventFilter(request.filter, caller: caller),
            start: Start(request.start), untilCaughtUp: request.untilCaughtUp,
            maxBatchEvents: 1_000)
        heartbeat = try Self.heartbeat(request.heartbeatInterval)
    }

    /// - Throws: ``EventsError``, `.invalidArgument`.
    static func heartbeat(_ interval: GoogleProtobuf.Duration?) throws(EventsError) -> Duration {
        guard let interval else { return defaultHeartbeat }
        guard let interval = interval.duration, interval > .zero else {
            throw .invalid("heartbeat_interval", "must be a positive duration")
        }
        return interval
    }
}

extension SubscriptionRequest.Start {
    init(_ start: ApusV1.SubscribeRequest.Start?) throws(EventsError) {
        switch start {
        case .beginning: self = .beginning
        case .end, nil: self = .end
        case .afterPosition(let position):
            guard position <= Position.max.rawValue else {
                throw .invalid("after_position", "must be below 2^53")
            }
            self = .after(Position(position))
        case .since(let moment): self = .since(Timestamp(moment))
        case .cursor(let bytes): self = .cursor(bytes)
        }
    }
}

extension ApusV1.SubscribeResponse {
    /// What comes between deliveries.
    init(_ item: EncodedItem, of subscription: Subscription) {
        self.init()
        switch item {
        case .deliveries, .history: break
        case .checkpoint(let position):
            var checkpoint = ApusV1.Checkpoint()
            checkpoint.cursor = subscription.cursor(after: position).encoded()
            checkpoint.position = position.rawValue
            self.checkpoint = checkpoint
        case .caughtUp(let position):
            var caughtUp = ApusV1.CaughtUp()
            caughtUp.position = position.rawValue
            self.caughtUp = caughtUp
        }
    }
}
