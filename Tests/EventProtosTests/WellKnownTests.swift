import EventProtos
import Protobuf
import Testing

@Suite struct WellKnownTests {
    @Test(arguments: [
        (Int64(0), Int64(0), Int32(0)), (1, 0, 1000), (-1, -1, 999_999_000),
        (-1_000_000, -1, 0), (1_700_000_000_123_456, 1_700_000_000, 123_456_000),
    ])
    func `microseconds and a timestamp are the same time`(
        microseconds: Int64, seconds: Int64, nanos: Int32
    ) {
        let timestamp = GoogleProtobuf.Timestamp(unixMicroseconds: microseconds)
        #expect(timestamp == GoogleProtobuf.Timestamp(seconds: seconds, nanos: nanos))
        #expect(timestamp.unixMicroseconds == microseconds)
    }

    @Test func `a timestamp outside the calendar has no microseconds`() {
        #expect(GoogleProtobuf.Timestamp(seconds: 253_402_300_800).unixMicroseconds == nil)
        #expect(GoogleProtobuf.Timestamp(seconds: 0, nanos: -1).unixMicroseconds == nil)
        #expect(GoogleProtobuf.Timestamp(seconds: -62_135_596_800).unixMicroseconds != nil)
    }

    @Test(arguments: [Duration.zero, .milliseconds(1500), .nanoseconds(-1), .seconds(-3.5)])
    func `a duration comes back as it went`(duration: Duration) {
        #expect(GoogleProtobuf.Duration(duration).duration == duration)
    }

    @Test func `a duration of mixed signs is none`() {
        #expect(GoogleProtobuf.Duration(seconds: 1, nanos: -1).duration == nil)
        #expect(GoogleProtobuf.Duration(seconds: 315_576_000_001).duration == nil)
    }

    @Test func `an Any gives out only what it holds`() throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "1")
        let any = GoogleProtobuf.AnyMessage(packing: lead)
        #expect(any.typeUrl == "type.googleapis.com/apus.events.lead.v1.LeadCreated")
        #expect(any.messageName == "apus.events.lead.v1.LeadCreated")
        #expect(try any.unpack(as: ApusEventsLeadV1.LeadCreated.self) == lead)
        #expect(try any.unpack(as: ApusV1.Event.self) == nil)
        #expect(GoogleProtobuf.AnyMessage(typeUrl: "no slash").messageName == nil)
        #expect(GoogleProtobuf.AnyMessage(typeUrl: "slash/").messageName == nil)
    }
}
