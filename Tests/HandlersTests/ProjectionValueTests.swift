import EventProtos
import Events
import Testing

@testable import Handlers

@Suite struct ProjectionValueTests {
    @Test(arguments: [
        ("web", "web"), ("", "unknown"), (String(repeating: "x", count: 128), nil),
    ])
    func `a label is what it is, or unknown`(text: String, label: String?) {
        #expect(ProjectionChange.Value.label(text) == .text(label ?? text))
    }

    @Test func `a long label is cut between characters`() {
        let text = String(repeating: "x", count: 127) + "é" + "x"
        #expect(
            ProjectionChange.Value.label(text) == .text(String(repeating: "x", count: 127)))
    }

    @Test func `a key that is too long for an index is refused by name, not cut`() throws {
        let key = String(repeating: "k", count: 512)
        #expect(try ProjectionChange.Value.key(key, "lead_id") == .text(key))
        let fault = #expect(throws: ProjectionFault.self) {
            try ProjectionChange.Value.key(key + "k", "lead_id")
        }
        #expect(fault?.description == "lead_id has 513 bytes, more than 512")
    }

    @Test(arguments: [
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: -1),
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: 1, nanos: -1),
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: 1, nanos: 1_000_000_000),
        ApusEventsCommonV1.Money(currencyCode: "", units: 1),
        ApusEventsCommonV1.Money(currencyCode: "eur", units: 1),
        ApusEventsCommonV1.Money(currencyCode: "EURO", units: 1),
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: 1_000_000_000_000, nanos: 1),
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: 1_000_000_000_001),
        ApusEventsCommonV1.Money(currencyCode: "EUR", units: .max),
    ])
    func `money that is no amount is unusable and counts as nothing`(
        money: ApusEventsCommonV1.Money
    ) {
        #expect(Amount(money).values == [.text(""), .integer(0), .integer(0), .bool(true)])
    }

    @Test func `no money is nothing, and the largest is an amount`() {
        #expect(Amount(nil).values == [.text(""), .integer(0), .integer(0), .bool(false)])
        #expect(
            Amount(.euros(999_999_999_999, nanos: 999_999_999)).values
                == [
                    .text("EUR"), .integer(999_999_999_999), .integer(999_999_999), .bool(false),
                ])
        #expect(
            Amount(.euros(1_000_000_000_000, nanos: 0)).values
                == [.text("EUR"), .integer(1_000_000_000_000), .integer(0), .bool(false)])
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1.1e12, .greatestFiniteMagnitude])
    func `a number that no sum should have is unusable`(number: Double) {
        #expect(Measure(number).value == .null)
        #expect(Measure(number).isUnusable == .bool(true))
    }

    @Test(arguments: [(0.1, 100_000), (-2.5, -2_500_000), (1e12, 1_000_000_000_000_000_000)])
    func `a number is counted in millionths`(number: Double, millionths: Int64) {
        #expect(Measure(number).value == .integer(millionths))
        #expect(Measure(number).isUnusable == .bool(false))
    }

    @Test func `a time that is none gives way to the event's`() {
        let event = RecordedEvent.test(ApusEventsLeadV1.LeadCreated())
        let moment = Timestamp(seconds: 5, nanoseconds: 6)
        #expect(
            ProjectionChange.Value.time(.init(seconds: 5, nanos: 6), of: event) == .time(moment))
        #expect(ProjectionChange.Value.time(nil, of: event) == .time(event.occurredAt))
        #expect(
            ProjectionChange.Value.time(.init(seconds: .max), of: event)
                == .time(event.occurredAt))
    }
}
