import Testing

@testable import Events

@Suite struct EventFilterTests {
    private static let acme = Caller(tenant: TenantID(unchecked: "acme"))
    private static let all = Caller(tenant: TenantID(unchecked: "acme"), seesAllTenants: true)

    private static func filter(
        types: [String] = [], tenants: [String] = [], subjectPrefix: String = "",
        sources: [String] = [], kinds: [Int] = [], caller: Caller = acme
    ) throws -> EventFilter {
        try EventFilter(
            types: types, tenants: tenants, subjectPrefix: subjectPrefix, sources: sources,
            kinds: kinds, caller: caller)
    }

    @Test func `no tenant is the caller's, a star all, for those who may`() throws {
        let own = EventFilter.Tenants.only([TenantID(unchecked: "acme")])
        #expect(try Self.filter().tenants == own)
        #expect(throws: EventsError.tenantDenied("*")) { try Self.filter(tenants: ["*"]) }
        #expect(try Self.filter(caller: Self.all).tenants == own)
        #expect(try Self.filter(tenants: ["*"], caller: Self.all).tenants == .all)
    }

    @Test func `another tenant is denied`() throws {
        #expect(throws: EventsError.tenantDenied("other")) {
            try Self.filter(tenants: ["acme", "other"])
        }
        let other = try Self.filter(tenants: ["other"], caller: Self.all)
        #expect(other.tenants == .only([TenantID(unchecked: "other")]))
    }

    @Test func `every wrong field is named`() {
        let error = #expect(throws: EventsError.self) {
            try Self.filter(
                types: ["lead.*", "Lead"], tenants: ["a b"],
                subjectPrefix: String(repeating: "x", count: 513), sources: ["a\0"],
                kinds: [1, 9])
        }
        #expect(
            error?.violations.map(\.field) == [
                "filter.types[1]", "filter.kinds[1]", "filter.subject_prefix", "filter.sources[0]",
                "filter.tenants[0]",
            ])
    }

    @Test func `lists have a bound`() {
        let error = #expect(throws: EventsError.self) {
            try Self.filter(
                types: Array(repeating: "A", count: 101),
                tenants: Array(repeating: " ", count: 101),
                sources: Array(repeating: "a\0", count: 101), kinds: Array(repeating: 9, count: 101)
            )
        }
        // Their entries are not looked at.
        #expect(
            error?.violations.map(\.field) == [
                "filter.types", "filter.kinds", "filter.sources", "filter.tenants",
            ])
    }

    @Test func `an answer names no more wrong fields than trailers take`() {
        let error = #expect(throws: EventsError.self) {
            try Self.filter(types: Array(repeating: "A", count: 100))
        }
        #expect(error?.violations.count == 20)
        #expect(error?.message.hasSuffix("(and 99 more)") == true)
    }

    @Test func `sources are compared byte by byte`() throws {
        let filter = try Self.filter(sources: ["caf\u{e9}"])
        #expect(filter.matches(event(source: "caf\u{e9}")))
        #expect(!filter.matches(event(source: "cafe\u{301}")))
    }

    @Test func `subjects are compared byte by byte`() throws {
        let filter = try Self.filter(subjectPrefix: "caf\u{e9}")
        #expect(filter.matches(event(subject: "caf\u{e9}-1")))
        #expect(!filter.matches(event(subject: "cafe\u{301}-1")))
        #expect(!filter.matches(event(subject: "caf")))
    }

    @Test func `all of a filter's fields must match`() throws {
        let filter = try Self.filter(types: ["lead.*"], sources: ["crm"], kinds: [1])
        #expect(filter.matches(event()))
        #expect(!filter.matches(event(type: "order.paid")))
        #expect(!filter.matches(event(source: "shop")))
        #expect(!filter.matches(event(kind: .system)))
        #expect(!filter.matches(event(tenant: "other")))
    }

    private func event(
        tenant: String = "acme", type: String = "lead.created", source: String = "crm",
        subject: String = "", kind: EventKind = .domain
    ) -> RecordedEvent {
        RecordedEvent(
            position: Position(1), partition: 0, id: EventID(high: 1, low: 1), type: type,
            version: 1, kind: kind, tenant: TenantID(unchecked: tenant), source: source,
            subject: subject, partitionKey: "", occurredAt: Timestamp(seconds: 0, nanoseconds: 0),
            recordedAt: Timestamp(seconds: 0, nanoseconds: 0), metadata: EventMetadata(),
            messageName: "", data: [])
    }
}
