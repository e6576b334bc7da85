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

    @Test func `its bytes are those of which fingerprints have been stored`() {
        func behindItsLength(_ text: String) -> [UInt8] {
            [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)
        }
        var expected = behindItsLength("0197c3f2-1111-7aaa-8bbb-1234567890ab")
        for text in ["a.b", "u", "k", "s", "t"] { expected += behindItsLength(text) }
        expected += [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
        #expect(Self.draft.contentHeader == expected)
        #expect(EventDraft().contentHeader == [UInt8](repeating: 0, count: 6 * 4))
        var early = Self.draft
        early.occurredAt = Timestamp(seconds: -1, nanoseconds: 999_999_999)
        let time = [UInt8](repeating: 0xff, count: 8) + [59, 154, 201, 255]
        #expect(early.contentHeader.suffix(12) == time)
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
