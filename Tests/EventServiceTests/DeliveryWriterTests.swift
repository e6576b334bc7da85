import EventProtos
import Events
import Protobuf
import Testing

@testable import EventService

@Suite struct DeliveryWriterTests {
    /// What the generated messages write for the same delivery.
    private static func generated(_ event: RecordedEvent, epoch: UInt64) -> [UInt8] {
        var delivery = ApusV1.Delivery()
        delivery.event = ApusV1.Event(event)
        delivery.cursor = Cursor(position: event.position, epoch: epoch).encoded()
        delivery.attempt = 1
        var response = ApusV1.SubscribeResponse()
        response.deliveries = [delivery]
        return response.encoded()
    }

    private static func event(
        _ number: UInt64, seconds: Int64, nanoseconds: Int32, text: String, payload: Int,
        extra: [String: String] = [:]
    ) -> RecordedEvent {
        RecordedEvent(
            position: Position(number), partition: Int(number % 64),
            id: EventID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max)),
            type: "lead.created", version: UInt32(truncatingIfNeeded: number), kind: .integration,
            tenant: TenantID(unchecked: "acme"), source: text, subject: text + "/7",
            partitionKey: text + "é",
            occurredAt: Timestamp(seconds: seconds, nanoseconds: nanoseconds),
            recordedAt: Timestamp(seconds: seconds + 1, nanoseconds: 0),
            metadata: EventMetadata(
                correlationID: "c" + text, causationID: text, userID: "u", sessionID: "",
                requestID: text, channel: "web", userAgent: "", ipAddress: "::1",
                traceparent: text, tracestate: text, extra: extra),
            messageName: "test.Message", data: Array(repeating: 7, count: payload))
    }

    private static let events: [RecordedEvent] = [
        event(1, seconds: 0, nanoseconds: 0, text: "", payload: 0),
        event(64, seconds: -1, nanoseconds: 5, text: "crm", payload: 127),
        event(1 << 40, seconds: -62_135_596_800, nanoseconds: 999_999_999, text: "ö", payload: 128),
        event(
            Position.max.rawValue - 1, seconds: 253_402_300_798, nanoseconds: 1,
            text: String(repeating: "x", count: 400), payload: 100_000, extra: ["key": ""]),
        event(
            7, seconds: 1_700_000_000, nanoseconds: 1, text: "a", payload: 20_000,
            extra: ["": "value"]),
    ]

    @Test func `it writes what the generated messages write`() {
        for event in Self.events {
            var bytes: [UInt8] = []
            DeliveryWriter().append(EventFields(event), epoch: .max - 5, to: &bytes)
            #expect(bytes == Self.generated(event, epoch: .max - 5))
        }
    }

    @Test func `deliveries that follow one another are one response`() throws {
        var bytes: [UInt8] = []
        for event in Self.events {
            DeliveryWriter().append(EventFields(event), epoch: 3, to: &bytes)
        }
        let response = try ApusV1.SubscribeResponse(decoding: bytes)
        #expect(response.deliveries.map(\.event) == Self.events.map { ApusV1.Event($0) })
    }

    @Test func `a row's gaps mean what the event's defaults are`() throws {
        let id = EventID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
        var fields = EventFields(
            position: Position(3), partition: 1, id: id, type: "lead.created", version: 1,
            kind: .domain, tenant: TenantID(unchecked: "acme"),
            occurredAt: Timestamp(seconds: 1, nanoseconds: 0),
            recordedAt: Timestamp(seconds: 1, nanoseconds: 0), messageName: "m.M",
            bytes: Array("subject".utf8))
        func event() throws -> ApusV1.Event? {
            var bytes: [UInt8] = []
            DeliveryWriter().append(fields, epoch: 1, to: &bytes)
            return try ApusV1.SubscribeResponse(decoding: bytes).deliveries.first?.event
        }
        var written = try event()
        #expect(written?.id == "01234567-89ab-cdef-fedc-ba9876543210")
        #expect(written?.metadata?.correlationId == written?.id)
        #expect(written?.partitionKey == "acme")
        fields.subject = .init(offset: 0, count: 7)
        written = try event()
        #expect(written?.partitionKey == "subject")
    }
}
