import Telemetry
import Testing

@Suite struct SharedRandomTests {
    @Test func `no number is given out twice, whoever asks`() async {
        let numbers = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<1_000).map { _ in SharedRandom().next() } }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        // By chance once in 10¹² runs.
        #expect(Set(numbers).count == 4_000)
    }

    @Test func `every bit is as often set as not`() {
        var counts = [Int](repeating: 0, count: 64)
        for _ in 0..<4_096 {
            let number = SharedRandom().next()
            for bit in 0..<64 where number >> bit & 1 == 1 { counts[bit] += 1 }
        }
        // Eight standard deviations: by chance once in 10¹³ runs.
        for count in counts { #expect(abs(count - 2_048) < 256) }
    }
}
