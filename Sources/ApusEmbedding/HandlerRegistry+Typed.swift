import EventProtos
public import Events
public import Protobuf

extension HandlerRegistry {
    /// Registers a closure that is handed every event whose payload is such a message: at least once
    /// each, the events of a key one after another, with the same `context.deliveryID` at each attempt.
    ///
    /// ```swift
    /// try registry.handle(ApusEventsLeadV1.LeadCreated.self) { event, context in
    ///     try await crm.add(event.payload.leadId, request: context.deliveryID)
    /// }
    /// ```
    ///
    /// An error that the closure throws makes the event a dead letter; `HandlerError.transient` has it
    /// tried again.
    ///
    /// - Parameters:
    ///   - payload: A message of the catalogue, which names its event type; of that type's other
    ///     versions the handler gets nothing.
    ///   - name: For ever the same, and no other handler's: progress, ledger and dead letters hang on
    ///     it. By default the event type with hyphens: `lead-created`.
    ///   - hasExternalSideEffects: Whether a run is felt outside of Apus. Replays leave such a handler
    ///     out unless it is asked for.
    ///   - options: Time limit, concurrency, retries, order; what they leave open is 30 s, 16, the
    ///     standard policy, per key.
    ///   - accepts: Whether an event concerns the handler; the ledger says of others that they were
    ///     declined.
    /// - Throws: ``EventsError``, `.invalidArgument`: the message is no event's payload, the name is taken,
    ///   or an option breaks a limit.
    public mutating func handle<Payload: Message>(
        _ payload: Payload.Type, named name: String? = nil, hasExternalSideEffects: Bool = false,
        options: HandlerOptions = HandlerOptions(),
        accepts: @escaping @Sendable (TypedEvent<Payload>) -> Bool = { _ in true },
        _ body: @escaping @Sendable (TypedEvent<Payload>, HandlerContext) async throws -> Void
    ) throws(EventsError) {
        guard let type = EventPayload(Payload.descriptor)?.type,
            let pattern = TypePattern(type)
        else {
            throw .invalid("handlers.\(name ?? "")", "takes a message that is no event's payload")
        }
        let usual = String(type.map { $0 == "." || $0 == "_" ? "-" : $0 })
        try register(
            TypedHandler(
                name: name ?? usual, types: [pattern],
                hasExternalSideEffects: hasExternalSideEffects, options: options,
                accepts: accepts, body: body))
    }
}
