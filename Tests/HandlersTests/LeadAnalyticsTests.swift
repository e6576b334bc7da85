import EventProtos
import Events
import Protobuf
import Testing

@testable import Handlers

@Suite struct LeadAnalyticsTests {
    private func event(
        _ lead: ApusEventsLeadV1.LeadCreated, message: String = "apus.events.lead.v1.LeadCreated"
    ) -> RecordedEvent {
        let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)
        return RecordedEvent(
            position: Position(7), partition: 0, id: EventID(high: 1, low: 2),
            type: "lead.created", version: 1, kind: .domain, tenant: TenantID(unchecked: "acme"),
            source: "crm", subject: "", partitionKey: "acme", occurredAt: time, recordedAt: time,
            metadata: EventMetadata(), messageName: message, data: lead.encoded())
    }

    @Test func `a lead becomes one row with its tenant and source`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42", source: "manual")
        let changes = try LeadAnalytics().changes(for: event(lead))
        #expect(
            changes == [
                ProjectionChange(
                    LeadAnalytics.created,
                    [
                        .text("acme"), .text("42"), .text("manual"),
                        .time(Timestamp(seconds: 1_700_000_000, nanoseconds: 0)), .integer(7),
                    ])
            ])
    }

    @Test func `a lead without a source is attributed to unknown`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42")
        let change = try #require(try LeadAnalytics().changes(for: event(lead))?.first)
        #expect(change.values[2] == .text("unknown"))
    }

    @Test func `a lead without an id is declined`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(source: "manual")
        #expect(try LeadAnalytics().changes(for: event(lead)) == nil)
    }

    @Test func `another message of the type is declined`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42")
        #expect(try LeadAnalytics().changes(for: event(lead, message: "my.Lead")) == nil)
    }

    @Test func `what ships registers without a clash`() throws {
        let registry = try HandlerRegistry.shipped()
        #expect(registry["lead-analytics"] != nil)
        #expect(registry.descriptions.allSatisfy { !$0.types.isEmpty })
    }
}
