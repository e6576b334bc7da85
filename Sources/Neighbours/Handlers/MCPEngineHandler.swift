import EventProtos
public import Events
import GRPC
import Protobuf
public import Telemetry

/// Has the MCP Engine answer what users write, publishes its answers, and lets it forget conversations
/// that have ended. One handler for both, so that a conversation is forgotten after its last message
/// was answered.
///
/// Each event leads to the same request id whenever it is handled, and to an answer of the same id: a
/// second answer of that id is not published, whatever the engine says the second time.
public struct MCPEngineHandler: NeighbourHandler {
    /// Publishes one event of a tenant as Publish does; throws ``EventsError``.
    public typealias Publish = @Sendable (EventDraft, TenantID) async throws -> Void

    let traits: NeighbourTraits
    private let engine: MCPEngine
    private let processing: MessageProcessing
    private let wallClock: any WallClock
    private let publish: Publish

    /// - Parameter deadline: Of a call.
    public init(
        _ engine: MCPEngine, deadline: Duration, wallClock: any WallClock = SystemWallClock(),
        metrics: MetricsRegistry, publish: @escaping Publish
    ) {
        traits = .mcpEngine(deadline: deadline)
        self.engine = engine
        processing = MessageProcessing(engine, metrics: metrics)
        self.wallClock = wallClock
        self.publish = publish
    }

    /// Runs that wait for a call that others make, or for their turn.
    var waiting: Int { processing.waiting }

    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        switch event.messageName {
        case ConversationEvents.Received.descriptor.fullName:
            try await answer(event, context)
        case ConversationEvents.Ended.descriptor.fullName:
            try await reset(event, context)
        default: return .declined
        }
        return .done
    }

    private func answer(_ event: RecordedEvent, _ context: HandlerContext) async throws {
        let message = try ConversationEvents.Received(decoding: event.data)
        let request = ConversationEvents.request(
            message, of: event, deliveryID: context.deliveryID, now: wallClock.now())
        let response = try await processing.process(
            request, tenant: event.tenant.rawValue, bytes: request.encoded().count,
            traceparent: event.metadata.traceparent)
        guard
            let draft = ConversationEvents.answer(
                response, to: message, of: event, now: wallClock.now())
        else { return }
        do {
            try await publish(draft, event.tenant)
        } catch let error as EventsError {
            // An earlier run published the engine's answer of then.
            if error.code == .alreadyExists { return }
            throw Self.handlerError(error)
        }
    }

    private func reset(_ event: RecordedEvent, _ context: HandlerContext) async throws {
        let conversation = try ConversationEvents.Ended(decoding: event.data)
        let request = ConversationEvents.request(
            conversation, of: event, deliveryID: context.deliveryID, now: wallClock.now())
        let call = NeighbourCall(neighbour: .mcpEngine, method: "ResetConversation")
        let outcome = try await call.outcome {
            try await engine.resetConversation(request, traceparent: event.metadata.traceparent)
        } status: {
            NeighbourFailure($0.status, from: .mcpEngine, method: call.method)
        }
        // What the engine does not know need not be forgotten.
        if case .failure(let failure) = outcome, failure.code != .notFound {
            throw failure.handlerError
        }
    }

    /// The log has no room or is away: it will be back.
    private static func handlerError(_ error: EventsError) -> HandlerError {
        var delay: Duration?
        for case .retry(let after) in error.details { delay = after }
        let text = "publishing the engine's answer: \(error)"
        return switch error.code {
        case .unavailable, .resourceExhausted: .transient(text, retryAfter: delay)
        default: .permanent(text)
        }
    }
}
