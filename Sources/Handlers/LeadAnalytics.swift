import EventProtos
public import Events
import Protobuf

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
        typealias Payload = ApusEventsLeadV1.LeadCreated
        guard event.messageName == Payload.descriptor.fullName else { return nil }
        let lead = try Payload(decoding: event.data)
        // A lead without a name can be counted neither once nor twice.
        guard !lead.leadId.isEmpty else { return nil }
        let change = ProjectionChange(
            Self.created,
            [
                .text(event.tenant.rawValue), .text(lead.leadId),
                .text(lead.source.isEmpty ? "unknown" : lead.source), .time(event.occurredAt),
                .integer(Int64(clamping: event.position.rawValue)),
            ])
        return [change]
    }
}
