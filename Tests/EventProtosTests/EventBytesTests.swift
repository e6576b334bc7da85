import EventProtos
import Protobuf
import TestSupport
import Testing

/// The bytes of the API against protoc's.
@Suite struct EventBytesTests {
    private static let root = TestFile.packageRoot(above: #filePath)
    private static let protoc = Protoc(
        roots: ["\(root)/proto"],
        files: [
            "apus/events/lead/v1/lead_events.proto", "apus/events/order/v1/order_events.proto",
            "apus/events/system/v1/system_events.proto",
            "apus/events/analytics/v1/analytics_events.proto", "apus/v1/publish.proto",
            "apus/v1/subscribe.proto",
        ])

    private func check<Value: Message>(_ value: Value, _ text: String) async throws {
        let name = Value.descriptor.fullName
        let bytes = try await Self.protoc.encode(text, as: name)
        #expect(try Value(decoding: bytes) == value)
        #expect(value.encoded() == bytes)
        #expect(try Value(json: value.json()) == value)
    }

    @Test func `a publish request is what protoc makes of it`() async throws {
        let lead = ApusEventsLeadV1.LeadCreated(leadId: "42", source: "manual")
        let event = ApusV1.Event(
            id: "0199aa", type: "lead.created", version: 1, kind: .domain, tenantId: "acme",
            source: "crm", subject: "lead/42", partitionKey: "42",
            occurredAt: GoogleProtobuf.Timestamp(seconds: 1_700_000_000, nanos: 5),
            metadata: ApusV1.EventMetadata(
                correlationId: "c", ipAddress: "::1", extra: ["b": "2", "a": "1"]),
            data: GoogleProtobuf.AnyMessage(packing: lead), position: 7, partition: 3,
            recordedAt: GoogleProtobuf.Timestamp(seconds: 1))
        try await check(
            ApusV1.PublishRequest(
                events: [event, ApusV1.Event()],
                precondition: ApusV1.SubjectPrecondition(subject: "s", lastPosition: .max)),
            """
            events {
              id: "0199aa" type: "lead.created" version: 1 kind: EVENT_KIND_DOMAIN
              tenant_id: "acme" source: "crm" subject: "lead/42" partition_key: "42"
              occurred_at { seconds: 1700000000 nanos: 5 }
              metadata {
                correlation_id: "c" ip_address: "::1"
                extra { key: "a" value: "1" } extra { key: "b" value: "2" }
              }
              data {
                [type.googleapis.com/apus.events.lead.v1.LeadCreated] {
                  lead_id: "42" source: "manual"
                }
              }
              position: 7 partition: 3 recorded_at { seconds: 1 }
            }
            events {}
            precondition { subject: "s" last_position: 18446744073709551615 }
            """)
    }

    @Test(arguments: [
        (ApusV1.SubscribeRequest.Start.beginning(GoogleProtobuf.Empty()), "beginning {}"),
        (.end(GoogleProtobuf.Empty()), "end {}"),
        (.afterPosition(0), "after_position: 0"),
        (.since(GoogleProtobuf.Timestamp(seconds: -1)), "since { seconds: -1 }"),
        (.cursor([1, 2]), "cursor: '\\001\\002'"),
    ])
    func `a subscription starts where it is told`(
        start: ApusV1.SubscribeRequest.Start, text: String
    ) async throws {
        try await check(
            ApusV1.SubscribeRequest(
                filter: ApusV1.Filter(types: ["lead.*"], kinds: [.system]), start: start,
                heartbeatInterval: GoogleProtobuf.Duration(.milliseconds(1500))),
            """
            filter { types: "lead.*" kinds: EVENT_KIND_SYSTEM } \(text)
            heartbeat_interval { seconds: 1 nanos: 500000000 }
            """)
    }

    @Test func `an order says whether it has a customer`() async throws {
        try await check(
            ApusEventsOrderV1.OrderPaid(
                orderId: "o", customerId: "",
                order: ApusEventsOrderV1.Order(status: .paid, lines: [.init(quantity: 2)]),
                amount: ApusEventsCommonV1.Money(currencyCode: "EUR", units: 9, nanos: 990_000_000)),
            """
            order_id: "o" customer_id: "" order { status: ORDER_STATUS_PAID lines { quantity: 2 } }
            amount { currency_code: "EUR" units: 9 nanos: 990000000 }
            """)
        try await check(ApusEventsOrderV1.OrderPaid(orderId: "o"), "order_id: 'o'")
    }

    @Test func `maps and free-form values cross the border`() async throws {
        let values: [String: GoogleProtobuf.Value] = [
            "flag": .init(kind: .boolValue(true)), "none": .init(kind: .nullValue(.nullValue)),
            "list": .init(
                kind: .listValue(
                    .init(values: [.init(kind: .numberValue(1.5)), .init(kind: .stringValue(""))]))),
            "tree": .init(kind: .structValue(.init(fields: ["x": .init(kind: .stringValue("y"))]))),
        ]
        try await check(
            ApusEventsSystemV1.ServiceHealthCheck(
                serviceName: "apus", healthStatus: .degraded, checkDetails: .init(fields: values),
                dependencies: ["db": .init(status: .healthy, latency: .init(nanos: 1))],
                metrics: ["load": 0.5, "idle": 1]),
            """
            service_name: "apus" health_status: HEALTH_STATUS_DEGRADED
            check_details {
              fields { key: "flag" value { bool_value: true } }
              fields { key: "list" value { list_value {
                values { number_value: 1.5 } values { string_value: "" } } } }
              fields { key: "none" value { null_value: NULL_VALUE } }
              fields { key: "tree" value { struct_value {
                fields { key: "x" value { string_value: "y" } } } } }
            }
            dependencies { key: "db" value { status: HEALTH_STATUS_HEALTHY latency { nanos: 1 } } }
            metrics { key: "idle" value: 1 } metrics { key: "load" value: 0.5 }
            """)
        try await check(
            ApusEventsAnalyticsV1.UserBehavior(
                behaviorType: "click", value: .init(kind: .numberValue(3))),
            "behavior_type: 'click' value { number_value: 3 }")
    }

    @Test func `the issue's example is a lead`() throws {
        let lead = try ApusEventsLeadV1.LeadCreated(json: #"{"leadId":"42","source":"manual"}"#)
        #expect(lead == ApusEventsLeadV1.LeadCreated(leadId: "42", source: "manual"))
    }
}
