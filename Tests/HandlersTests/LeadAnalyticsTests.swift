import EventProtos
import Events
import Protobuf
import Testing

@testable import Handlers

@Suite struct LeadAnalyticsTests {
    @Test func `a lead becomes one row with its tenant and source`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42", source: "manual")
        let changes = try LeadAnalytics().changes(for: .test(lead))
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
        let change = try #require(try LeadAnalytics().changes(for: .test(lead))?.first)
        #expect(change.values[2] == .text("unknown"))
    }

    @Test func `a lead without an id is declined`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(source: "manual")
        #expect(try LeadAnalytics().changes(for: .test(lead)) == nil)
    }

    @Test func `another message of the type is declined`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42")
        #expect(try LeadAnalytics().changes(for: .test(lead, message: "my.Lead")) == nil)
    }

    @Test func `what ships registers without a clash`() throws {
        let registry = try HandlerRegistry.shipped()
        #expect(registry["lead-analytics"] != nil)
        #expect(registry.descriptions.allSatisfy { !$0.types.isEmpty })
        let types = Set(EventCatalogue.payloads.map(\.type))
        for type in registry.descriptions.flatMap(\.types) {
            #expect(types.contains(type.text), "\(type.text) is of no payload")
        }
    }
}
