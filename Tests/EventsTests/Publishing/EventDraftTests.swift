import Testing

@testable import Events

@Suite struct EventDraftTests {
    private static let draft = EventDraft(
        id: "0197c3f2-1111-7aaa-8bbb-1234567890ab", type: "a.b", source: "s", subject: "u",
        partitionKey: "k", occurredAt: Timestamp(seconds: 1, nanoseconds: 2),
        metadata: EventMetadata(channel: "c"), typeURL: "t")

    @Test func `every field of the content counts`() {
        let changes: [(inout EventDraft) -> Void] = [
            { $0.id = "" }, { $0.type = "" }, { $0.source = "" }, { $0.subject = "x" },
            { $0.partitionKey = "" }, { $0.occurredAt = nil },
            { $0.occurredAt = Timestamp(seconds: 1, nanoseconds: 3) }, { $0.typeURL = "tt" },
        ]
        var seen: Set<[UInt8]> = [Self.draft.contentHeader]
        for change in changes {
            var draft = Self.draft
            change(&draft)
            let isNew = seen.insert(draft.contentHeader).inserted
            #expect(isNew)
        }
    }

    @Test func `metadata and the case of the id do not count`() {
        var draft = Self.draft
        draft.id = draft.id.uppercased()
        draft.metadata = EventMetadata()
        draft.version = 7
        draft.kind = 2
        #expect(draft.contentHeader == Self.draft.contentHeader)
    }

    @Test func `what moves from one field to the next is another content`() {
        var one = Self.draft
        var other = Self.draft
        (one.subject, one.partitionKey) = ("ab", "c")
        (other.subject, other.partitionKey) = ("a", "bc")
        #expect(one.contentHeader != other.contentHeader)
    }
}
