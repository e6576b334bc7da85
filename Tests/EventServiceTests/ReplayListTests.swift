import EventProtos
import Events
import Testing

@testable import EventService

@Suite struct ReplayListTests {
    private func replays(_ count: Int, reason: String, targets: Int) -> [Replay] {
        (0..<count).map { number in
            Replay(
                id: EventID(high: 0x7000, low: UInt64(count - number)), state: .running, matched: 5,
                targets: (0..<targets).map {
                    .init(handler: "handler-with-a-name-\($0)", events: 5, done: 3, failed: 1)
                },
                reason: reason)
        }
    }

    @Test func `a page of long replays ends early, and goes on behind its last`() {
        let all = replays(1_000, reason: String(repeating: "x", count: 512), targets: 60)
        var listed: [String] = []
        var rest = all[...]
        while !rest.isEmpty {
            let page = ApusV1.ListReplaysResponse(Array(rest), limit: 1_000)
            #expect(page.encoded().count < 3 << 20)
            #expect(!page.replays.isEmpty)
            listed += page.replays.map(\.replayId)
            rest = rest.dropFirst(page.replays.count)
            #expect(page.nextPageToken == (rest.isEmpty ? "" : listed.last))
        }
        #expect(listed == all.compactMap { $0.id?.description })
    }

    @Test func `a full page has a token, a short one none`() {
        let few = replays(3, reason: "", targets: 1)
        #expect(
            ApusV1.ListReplaysResponse(few, limit: 3).nextPageToken == few[2].id?.description)
        #expect(ApusV1.ListReplaysResponse(few, limit: 4).nextPageToken.isEmpty)
    }
}
