import Testing

@testable import Events

@Suite struct HistoryRoomTests {
    @Test func `a page gets a part of what is free, and gives it back when it is gone`() throws {
        let room = HistoryRoom(bytes: 8_000)
        var shares = [try #require(room.take(100, upTo: 5_000))]
        #expect(shares[0].bytes == 1_000)
        while let share = room.take(100, upTo: 5_000) { shares.append(share) }
        // However many hold theirs, the next one who wants little finds some.
        #expect(room.freeBytes >= 100)
        #expect(shares.map(\.bytes) == shares.map(\.bytes).sorted(by: >))
        shares = []
        #expect(room.freeBytes == 8_000)
    }

    @Test func `what a page came to is what counts, also more than was thought`() throws {
        let room = HistoryRoom(bytes: 8_000)
        let small = try #require(room.take(100, upTo: 500))
        small.settle(200)
        #expect(room.freeBytes == 7_800)
        let large = try #require(room.take(100, upTo: 500))
        large.settle(9_000)
        #expect(room.freeBytes == -1_200)
        #expect(room.take(1, upTo: 1) == nil)
    }
}
