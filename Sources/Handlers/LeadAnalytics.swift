import EventProtos
public import Events

/// Counts leads by tenant and source: the funnel (distinct leads) and attribution (touches a day).
///
/// The first event that names a lead decides which source the lead is attributed to.
public struct LeadAnalytics: Projection {
    public let name = "lead-analytics"
    public let types: [TypePattern]
    public let tables = ["lead_attribution", "lead_funnel", "leads"]

    static let created = ProjectionChange.Name(rawValue: "project_lead_created")

    public init() {
        types = [TypePattern("lead.created")].compactMap(\.self)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        // A lead without a name can be counted neither once nor twice.
        guard let lead = try event.payload(ApusEventsLeadV1.LeadCreated.self), !lead.leadId.isEmpty
        else { return nil }
        let change = ProjectionChange(
            Self.created,
            [
                .text(event.tenant.rawValue), try .key(lead.leadId, "lead_id"),
                .label(lead.source), .time(event.occurredAt), .position(event),
            ])
        return [change]
    }
}
