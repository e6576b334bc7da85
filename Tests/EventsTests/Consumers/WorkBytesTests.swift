import Testing

@testable import Events

/// How many bytes of events work may have.
@Suite struct WorkBytesTests {
    private static let big = TenantID(unchecked: "big")
    private static let small = TenantID(unchecked: "small")

    @Test func `lanes are read as far as there is room for their bytes`() throws {
        let (keys, bytes) = (16, 4_096)
        var bench = WorkBench(maxInFlight: keys) { $0.maxBytes = 16 * bytes }
        for key in 0..<keys { bench.publish("k\(key)") }
        while let item = bench.next() { bench.delay(item, .seconds(30)) }
        for key in 0..<keys { bench.publish("k\(key)", count: 8, bytes: bytes) }
        #expect(bench.next() == nil)
        #expect(bench.machine.lanes.count == keys)
        bench.wait(.seconds(31))
        _ = bench.reads(limit: 10_000)
        #expect(bench.machine.load.bytes < 18 * bytes)
        #expect(bench.machine.load.bytes > 8 * bytes)
        #expect(bench.work().count == keys * 9)
        #expect(bench.storedLanes.isEmpty)
    }

    @Test func `a page is taken up as far as there is room for its bytes`() {
        let bytes = 4_096
        var bench = WorkBench { $0.maxBytes = 4 * bytes }
        for key in 0..<32 { bench.publish("k\(key)", bytes: bytes) }
        _ = bench.reads(limit: 10_000)
        #expect(bench.machine.load.bytes < 6 * bytes)
        #expect(bench.work().count == 32)
    }

    @Test func `large events of one tenant that wait for long hold up nobody else`() {
        let bytes = 4_096
        var bench = WorkBench(isShared: true) { $0.maxBytes = 16 * bytes }
        for key in 0..<64 { bench.publish("k\(key)", tenant: "big", bytes: bytes) }
        bench.publish("k", tenant: "small", bytes: bytes)
        var others: [TenantID] = []
        while let item = bench.next() {
            if item.key.tenant == Self.big {
                bench.delay(item, .seconds(600))
            } else {
                others.append(item.key.tenant)
                bench.answer(item)
            }
        }
        #expect(others == [Self.small])
        #expect(bench.machine.inconsistency == nil)
    }
}
