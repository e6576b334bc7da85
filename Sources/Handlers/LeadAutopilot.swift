import EventProtos
public import Events

/// Sets the autopilot on every new lead: publishes `autopilot.triggered`, caused by `lead.created`.
///
/// The new event's id follows from the first one's: a second run, a replay, or a run on two nodes at
/// once gives the same event, which is stored once.
public struct LeadAutopilot: EventHandler {
    public let name = "lead-autopilot"
    public let types: [TypePattern]

    private let publish: PublishOwnEvent

    public init(publish: @escaping PublishOwnEvent) {
        types = [TypePattern("lead.created")].compactMap(\.self)
        self.publish = publish
    }

    public func handle(
        _ event: RecordedEvent, context: HandlerContext
    ) async throws -> HandlerVerdict {
        guard let lead = try event.payload(ApusEventsLeadV1.LeadCreated.self), !lead.leadId.isEmpty
        else { return .declined }
        do {
            _ = try await publish(draft(event, lead))
        } catch let error as EventsError where Self.mayGoWell(error) {
            throw HandlerError.transient("\(error)")
        }
        return .done
    }

    private func draft(
        _ event: RecordedEvent, _ lead: ApusEventsLeadV1.LeadCreated
    ) -> EventDraft {
        // Nothing of it may differ from run to run: the id stands for all of it.
        EventDraft(
            ApusEventsAutopilotV1.AutopilotTriggered(
                leadId: lead.leadId, trigger: event.type, source: lead.source),
            id: .derived(
                for: name, from: Array(event.tenant.rawValue.utf8), Array("\(event.id)".utf8)),
            tenant: event.tenant, subject: "lead/\(lead.leadId)",
            metadata: EventMetadata(
                correlationID: event.metadata.correlationID, causationID: event.id.description))
    }

    /// The log is away, or full for the moment.
    private static func mayGoWell(_ error: EventsError) -> Bool {
        error.code == .unavailable || error.code == .resourceExhausted
    }
}
