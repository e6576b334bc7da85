/// What every handler says about itself.
public protocol HandlerTraits: Sendable {
    /// For ever the same: progress, ledger and dead letters hang on it. `[a-z0-9-]{1,64}`.
    var name: String { get }
    /// Takes events whose type matches one of them; at least one.
    var types: [TypePattern] { get }
    /// Whether a run is felt outside of Apus (a message, a webhook, a call to a neighbour).
    /// Replays leave such a handler out unless it is asked for.
    var hasExternalSideEffects: Bool { get }
    /// A run that takes longer is cancelled and counts as timed out.
    var timeLimit: Duration { get }
}

extension HandlerTraits {
    public var hasExternalSideEffects: Bool { false }
    public var timeLimit: Duration { .seconds(30) }

    /// As the ledger and clients name it.
    public var consumer: String { HandlerName.consumer(name) }
}

/// Code that runs on events: at least once for each event, in order, on one node at a time.
public protocol EventHandler: HandlerTraits {
    /// Handles one event. It may run again with the same delivery id after a crash or for a
    /// replay: check `context.deliveryID` where twice would hurt.
    ///
    /// A throw is recorded and stops nobody else. Cancellation means that the time is up or the
    /// node stops.
    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict
}

/// What a handler says of an event it was given.
public enum HandlerVerdict: Sendable, Hashable {
    case done
    /// The handler looked at it and it does not concern it.
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

/// The grammar of handlers' names.
public enum HandlerName {
    public static func isValid(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { character in
                switch character {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    static func consumer(_ name: String) -> String { "handler/\(name)" }

    static func deliveryID(_ name: String, _ event: RecordedEvent) -> String {
        "\(consumer(name))/\(event.position)"
    }
}
