import EventProtos
import Events
import Protobuf
import Testing

@testable import Webhooks

@Suite struct CloudEventTests {
    @Test func `in binary mode the payload is the body and attributes are headers`() throws {
        let event = try SampleEvent.lead(subject: "lead/ä \"1\" 5%", source: "crm")
        let (headers, body) = try CloudEvent(event, pool: EventCatalogue.pool).content(.binary)
        #expect(String(decoding: body, as: UTF8.self) == #"{"leadId":"42","source":"web"}"#)
        #expect(
            headers.map { "\($0.name): \($0.value)" } == [
                "content-type: application/json", "ce-specversion: 1.0",
                "ce-id: 00000000-0000-0000-0000-000000000001", "ce-source: crm",
                "ce-type: lead.created", "ce-subject: lead/%C3%A4%20%221%22%205%25",
                "ce-time: 2026-11-22T00:00:00.000000Z", "ce-tenant: acme", "ce-position: 7",
                "ce-typeversion: 1", "ce-partitionkey: lead/42",
                "ce-recordedtime: 2026-11-22T00:00:01.500000Z",
                "ce-correlationid: 00000000-0000-0000-0000-000000000001",
            ])
    }

    @Test func `in structured mode the body is one object of both`() throws {
        let event = try SampleEvent.lead(subject: "ä \"1\"\r\n", source: "")
        let (headers, body) = try CloudEvent(event, pool: EventCatalogue.pool)
            .content(.structured)
        #expect(
            headers == [
                WebhookHeader("content-type", "application/cloudevents+json; charset=UTF-8")
            ])
        #expect(
            String(decoding: body, as: UTF8.self) == """
                {"specversion":"1.0","id":"00000000-0000-0000-0000-000000000001",\
                "source":"/tenants/acme","type":"lead.created","subject":"ä \\"1\\"\\r\\n",\
                "time":"2026-11-22T00:00:00.000000Z","tenant":"acme","position":"7",\
                "typeversion":"1","partitionkey":"lead/42",\
                "recordedtime":"2026-11-22T00:00:01.500000Z",\
                "correlationid":"00000000-0000-0000-0000-000000000001",\
                "datacontenttype":"application/json","data":{"leadId":"42","source":"web"}}
                """)
    }

    @Test func `a source that is no URI becomes one`() throws {
        let event = try SampleEvent.lead(subject: "", source: "my crm <ä>")
        let attributes = try CloudEvent(event, pool: EventCatalogue.pool).attributes
        #expect(attributes.first { $0.name == "source" }?.value == "my%20crm%20%3C%C3%A4%3E")
        #expect(!attributes.contains { $0.name == "subject" })
    }

    @Test func `no header can end its line`() throws {
        let event = try SampleEvent.lead(subject: "a\r\nwebhook-id: b", source: "\r\nx: y")
        let (headers, _) = try CloudEvent(event, pool: EventCatalogue.pool).content(.binary)
        #expect(headers.allSatisfy { $0.value.utf8.allSatisfy { (0x20...0x7E).contains($0) } })
    }

    @Test func `a payload without a schema, or not of it, can't be sent at any time`() throws {
        for (message, data) in [("nobody.knows.This", []), (SampleEvent.message, [UInt8(0xFF)])] {
            let event = try SampleEvent.lead(subject: "", source: "", message: message, data: data)
            let error = #expect(throws: HandlerError.self) {
                try CloudEvent(event, pool: EventCatalogue.pool)
            }
            #expect(error?.kind == .permanent)
        }
    }

    @Test(arguments: [
        "Host", "content-type", "CE-Type", "webhook-signature", "Proxy-Authorization", "Expect",
        "a b", "", "a:b", "transfer-encoding", "User-Agent",
    ])
    func `a header that Apus sets, or that is none, is refused`(_ name: String) {
        #expect(WebhookHeader(checking: name, "x") == nil)
    }

    @Test(arguments: ["", "a\r\nb: c", "a\u{0}", " a", "a ", "ä"])
    func `a value that can't be sent is refused`(_ value: String) {
        #expect(WebhookHeader(checking: "X-Api-Key", value) == nil)
        #expect(WebhookHeader(checking: "X-Api-Key", "a b;c") != nil)
    }
}

enum SampleEvent {
    static let message = ApusEventsLeadV1.LeadCreated.descriptor.fullName

    static func lead(
        subject: String, source: String, tenant: TenantID = TenantID(unchecked: "acme"),
        message: String = message, data: [UInt8]? = nil
    ) throws -> RecordedEvent {
        let id = try #require(EventID("00000000-0000-0000-0000-000000000001"))
        let payload = ApusEventsLeadV1.LeadCreated(leadId: "42", source: "web")
        return RecordedEvent(
            position: Position(7), partition: 3, id: id, type: "lead.created", version: 1,
            kind: .domain, tenant: tenant, source: source, subject: subject,
            partitionKey: "lead/42",
            occurredAt: Timestamp(seconds: 1_795_305_600, nanoseconds: 0),
            recordedAt: Timestamp(seconds: 1_795_305_601, nanoseconds: 500_000_000),
            metadata: EventMetadata(correlationID: "\(id)", userID: "u1", ipAddress: "10.0.0.1"),
            messageName: message, data: data ?? payload.encoded())
    }
}
