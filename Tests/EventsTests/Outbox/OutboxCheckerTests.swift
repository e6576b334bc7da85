import Testing

@testable import Events

@Suite struct OutboxCheckerTests {
    private func check(
        _ entry: OutboxEntry, limits: PublishLimits = PublishLimits()
    ) -> Result<NewEvent, OutboxRefusal> {
        OutboxChecker(schemas: SampleCatalogue(), limits: limits).check(entry)
    }

    private func detail(_ entry: OutboxEntry) -> String {
        guard case .failure(let refusal) = check(entry), refusal.reason == .invalid else {
            return "passed"
        }
        return refusal.detail
    }

    @Test func `what the caller left out is filled in as for a publish`() throws {
        let entry = OutboxEntry.sample("lead/1")
        let event = try check(entry).get()
        #expect(event.id == entry.id)
        #expect(event.type == "lead.created")
        #expect(event.version == 2)
        #expect(event.kind == .integration)
        #expect(event.partitionKey == "lead/1")
        #expect(event.occurredAt == entry.publishedAt)
        #expect(event.metadata.correlationID == entry.id.description)
        #expect(event.messageName == "test.LeadCreated")
        #expect(event.data == Array("{}".utf8))
    }

    @Test func `the store is asked whether it has the id, whoever chose it`() throws {
        let event = try check(.sample()).get()
        #expect(event.hasCallersID)
    }

    @Test func `protobuf's bytes are taken as they are`() throws {
        let event = try check(.sample(payload: .protobuf([1, 2, 3]))).get()
        #expect(event.data == [1, 2, 3])
    }

    @Test func `the fingerprint is of what the caller sent`() throws {
        var draft = EventDraft(
            type: "lead.created", tenant: "acme", typeURL: "type.googleapis.com/test.LeadCreated",
            data: Array("{}".utf8))
        draft.fingerprint = SampleCatalogue().fingerprint(of: draft)
        let event = try check(.sample()).get()
        #expect(event.fingerprint == draft.fingerprint)
    }

    @Test func `a refusal names the field`() {
        #expect(
            detail(.sample(payload: .json("{\"email\": 1}")))
                == "event.data.email: must be a string")
        #expect(
            detail(.sample(payload: .protobuf(SampleCatalogue.badEmail)))
                == "event.data.email: is wrong")
        #expect(detail(.sample(type: "no.such")) == "event.type: is not in the catalogue")
        #expect(
            detail(.sample(version: 9)) == "event.type: is not in the catalogue in version 9")
    }

    @Test func `what passed in SQL is not refused for what only gRPC counts`() throws {
        var limits = PublishLimits()
        limits.maxEventBytes = 100
        // As counted there: type, tenant and data.
        let json = String(repeating: "x", count: 100 - "lead.created".count - "acme".count)
        _ = try check(.sample(payload: .json(json)), limits: limits).get()
        let larger = check(
            .sample(payload: .json(String(repeating: "x", count: 400))), limits: limits)
        #expect(throws: OutboxRefusal(.invalid, "event: the event is larger than 208 bytes")) {
            try larger.get()
        }
    }
}
