public import GRPC

extension ApusV1.EventServiceClient {
    /// Publishes events in one request: all of them are stored, next to each other and in this order,
    /// or none.
    ///
    /// ```swift
    /// try await apus.publish(.orderStatusChanged(orderId: "42", oldStatus: .pending, newStatus: .paid))
    /// ```
    ///
    /// Events made by factories have ids: the call may be tried again while no server answers.
    ///
    /// - Parameter options: Without a retry policy of their own they get the standard one.
    /// - Returns: For each event its id and its position; ``ApusV1/PublishResult/duplicate`` when it
    ///   had been stored before.
    /// - Throws: `RPCError`; nothing was stored, or nobody knows (`DEADLINE_EXCEEDED`, `UNAVAILABLE`
    ///   with reason OUTCOME_UNKNOWN): publish the same events again.
    public func publish(
        _ events: ApusV1.Event..., options: CallOptions = CallOptions()
    ) async throws -> [ApusV1.PublishResult] {
        try await publish(events, options: options)
    }

    /// As ``publish(_:options:)`` of single events.
    public func publish(
        _ events: [ApusV1.Event], options: CallOptions = CallOptions()
    ) async throws -> [ApusV1.PublishResult] {
        var options = options
        // Without ids a second attempt would be another event.
        if options.retry == nil, events.allSatisfy({ !$0.id.isEmpty }) {
            options.retry = RetryPolicy()
        }
        let request = ApusV1.PublishRequest(events: events)
        return try await publish(request, options: options).results
    }
}
