import Testing

@testable import apus

@Suite struct ReplayProgressTests {
    private func bar(_ done: UInt64, of total: UInt64, width: Int = 80, after seconds: Int? = nil)
        -> String
    {
        ReplayProgress(done: done, failed: 0, total: total)
            .bar(width: width, elapsed: seconds.map { .seconds($0) })
    }

    @Test func `the bar fills as the replay gets on`() {
        #expect(
            bar(0, of: 8) == "[" + String(repeating: "-", count: 40) + "] 0 % · 0 of 8")
        #expect(
            bar(2, of: 8) == "[##########" + String(repeating: "-", count: 30) + "] 25 % · 2 of 8")
        #expect(bar(8, of: 8) == "[" + String(repeating: "#", count: 40) + "] 100 % · 8 of 8")
    }

    @Test func `only what is done is a hundred percent`() {
        #expect(ReplayProgress(done: 9_999, failed: 0, total: 10_000).percent == 99)
        #expect(ReplayProgress(done: 0, failed: 0, total: 0).percent == 100)
    }

    @Test(arguments: [
        (1, 10, 1, "9 s left"), (100, 100_000, 5, "84 min left"), (1, 10_000, 10, "28 h left"),
        (2, 1_000, 2, "17 min left"), (1, 100, 1, "99 s left"), (1, 101, 1, "2 min left"),
        (1, 6_000, 1, "100 min left"), (1, 6_001, 1, "2 h left"),
    ])
    func `it says how long it will take`(
        done: UInt64, total: UInt64, seconds: Int, text: String
    ) {
        #expect(bar(done, of: total, after: seconds).hasSuffix(text))
    }

    @Test func `in the first moment, and when all is done, nobody says how long`() {
        #expect(!bar(1, of: 9, after: 0).contains("left"))
        #expect(!bar(9, of: 9, after: 9).contains("left"))
        #expect(!bar(0, of: 9, after: 9).contains("left"))
    }

    @Test(arguments: [10, 20, 26, 30, 79, 200])
    func `it is never wider than the terminal`(width: Int) {
        let bar = bar(123_456, of: 1_000_000, width: width, after: 7)
        #expect(bar.count < width)
    }

    @Test func `what failed is told`() {
        #expect(
            ReplayProgress(done: 5, failed: 2, total: 10).line == "50 % · 5 of 10 · 2 failed")
    }
}
