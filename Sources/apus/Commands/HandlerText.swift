import EventProtos
import Events
import PostgresLog

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
        if handler.nodes.isEmpty { settings.append("(no node has it)") }
        return """
            \(handler.name)  \(word(handler.state)), position \(handler.position), \(behind), \
            \(handler.succeeded) succeeded, \(handler.failed) failed, \
            \(handler.retrying) to be retried, \(count(handler.deadLettered, "dead letter"))
              \(settings.joined(separator: " "))
            """
    }

    /// What went with a handler that was forgotten.
    static func line(_ remains: ForgottenHandler.Remains) -> String {
        var parts = [
            "forgot \(remains.consumer): it was at position \(remains.standing.position)",
            "\(count(remains.standing.lagEvents, "event")) behind",
            "\(count(remains.unfinished, "unfinished event"))",
            "\(count(remains.lanes, "lane"))",
            "\(count(remains.standing.deadLettered, "dead letter")) discarded",
        ]
        if remains.replays > 0 { parts.append("\(count(remains.replays, "replay")) cut short") }
        return parts.joined(separator: ", ")
    }

    static func json(_ remains: ForgottenHandler.Remains) -> String {
        """
        {"forgotten":"\(remains.consumer)","position":"\(remains.standing.position)",\
        "lag_events":"\(remains.standing.lagEvents)","unfinished":\(remains.unfinished),\
        "lanes":\(remains.lanes),"dead_letters":\(remains.standing.deadLettered),\
        "replays":\(remains.replays)}
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
