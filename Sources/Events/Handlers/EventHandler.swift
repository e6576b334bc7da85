/// Code that runs on events: at least once for each event, in the order it asks for.
public protocol EventHandler: HandlerTraits {
    /// Handles one event. It may run again with the same delivery id after a crash or for a
    /// replay: check `context.deliveryID` where twice would hurt.
    ///
    /// Cancellation means that the time is up or the node stops.
    ///
    /// - Throws: ``HandlerError`` when it knows whether trying again may help; anything else is a
    ///   permanent failure. It is recorded and stops nobody else.
    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict
}

/// What a handler says of an event it was given.
public enum HandlerVerdict: Sendable, Hashable {
    case done
    /// The handler looked at it and it does not concern it: nothing outside was asked.
    case declined
}

/// What a run is told besides its event.
public struct HandlerContext: Sendable {
    /// The same for each run of this event by this handler.
    public let deliveryID: String
    /// From 1.
    public let attempt: Int
    /// The replay that this run belongs to; nil when it is live.
    public let replay: EventID?

    public init(deliveryID: String, attempt: Int, replay: EventID? = nil) {
        self.deliveryID = deliveryID
        self.attempt = attempt
        self.replay = replay
    }
}
