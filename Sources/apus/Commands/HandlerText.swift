import EventProtos

/// Handlers as people read them.
extension EventText {
    /// A handler, what it takes and how it gets on.
    static func block(_ handler: ApusV1.Handler) -> String {
        let lag = handler.lag.map(scalar) ?? "0s"
        let behind =
            handler.lagEvents > 0
            ? "\(count(handler.lagEvents, "event")) (\(lag)) behind" : "at the head"
        var settings = handler.types
        if handler.externalSideEffects { settings.append("(reaches outside of Apus)") }
        return """
            \(handler.name)  \(word(handler.state)), position \(handler.position), \(behind), \
            \(handler.succeeded) succeeded, \(handler.failed) failed, \
            \(handler.retrying) to be retried, \(count(handler.deadLettered, "dead letter"))
              \(settings.joined(separator: " "))
            """
    }

    private static func word(_ state: ApusV1.HandlerState) -> String {
        switch state {
        case .running: "running"
        case .paused: "paused"
        case .broken: "circuit open"
        case .rebuilding: "rebuilding"
        case .unspecified, .unrecognized: "unknown state"
        }
    }
}
