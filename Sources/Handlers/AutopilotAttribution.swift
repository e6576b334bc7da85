import EventProtos
public import Events

/// What the autopilot's actions cost, how long they took, and what they brought.
///
/// A lead that became a customer is credited to the last action for it before that, by position. The
/// view `apus.autopilot_attribution` finds that action when it is asked, so that it makes no
/// difference in which order the two were handled.
public struct AutopilotAttribution: Projection {
    public let name = "autopilot-attribution"
    public let types: [TypePattern]
    public let tables = ["autopilot_actions", "autopilot_touches", "lead_conversions"]

    static let change = ProjectionChange.Name(rawValue: "project_autopilot")

    public init() {
        types = ["autopilot.action_executed", "lead.converted"].compactMap(TypePattern.init)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        if let action = try event.payload(ApusEventsAutopilotV1.AutopilotActionExecuted.self) {
            let values: [ProjectionChange.Value] = [
                .bool(false), try .key(action.leadId, "lead_id"), .label(action.actionType),
                .label(action.model), .integer(Int64(action.latencyMs)),
            ]
            return [change(event, values, Amount(action.cost))]
        }
        if let lead = try event.payload(ApusEventsLeadV1.LeadConverted.self), !lead.leadId.isEmpty {
            let values: [ProjectionChange.Value] = [
                .bool(true), try .key(lead.leadId, "lead_id"), .null, .null, .integer(0),
            ]
            return [change(event, values, Amount(lead.value))]
        }
        return nil
    }

    private func change(
        _ event: RecordedEvent, _ values: [ProjectionChange.Value], _ amount: Amount
    ) -> ProjectionChange {
        let event: [ProjectionChange.Value] = [
            .text(event.tenant.rawValue), .position(event), .time(event.occurredAt),
        ]
        return ProjectionChange(Self.change, event + values + amount.values)
    }
}
