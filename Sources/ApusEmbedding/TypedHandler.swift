import Events
import Protobuf

/// A handler of one payload message that runs a closure.
struct TypedHandler<Payload: Message>: EventHandler {
    let name: String
    let types: [TypePattern]
    let hasExternalSideEffects: Bool
    let options: HandlerOptions
    let accepts: @Sendable (TypedEvent<Payload>) -> Bool
    let body: @Sendable (TypedEvent<Payload>, HandlerContext) async throws -> Void

    var timeLimit: Duration { options.timeLimit ?? .seconds(30) }
    var concurrency: Int { options.concurrency ?? 16 }
    var retry: RetryPolicy { options.retry ?? .standard }
    var ordering: HandlerOrdering { options.ordering ?? .perKey(afterDeadLetter: .continue) }

    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict {
        // Another version of the type is another message.
        guard event.messageName == Payload.descriptor.fullName else { return .declined }
        let typed = TypedEvent(payload: try Payload(decoding: event.data), recorded: event)
        guard accepts(typed) else { return .declined }
        try await body(typed, context)
        return .done
    }
}
