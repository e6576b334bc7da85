import TestSupport
import Testing

@testable import Events

@Suite struct DueHeapTests {
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `everything comes out once, the earliest first, and not before its moment`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var heap = DueHeap()
        var model: [(time: Duration, position: Position)] = []
        var now = Duration.zero
        for step in 1...2_000 as ClosedRange<UInt64> {
            if Bool.random(using: &random) {
                let time = now + .milliseconds(Int.random(in: -5...50, using: &random))
                heap.insert(Position(step), at: time)
                model.append((time, Position(step)))
            } else {
                now += .milliseconds(Int.random(in: 0...5, using: &random))
                let first = model.map(\.time).min()
                #expect(heap.first == first)
                let popped = heap.popDue(now: now)
                #expect((popped != nil) == (first.map { $0 <= now } ?? false))
                guard let popped else { continue }
                let index = model.firstIndex { $0.time == first && $0.position == popped }
                #expect(index != nil)
                if let index { model.remove(at: index) }
            }
            #expect(heap.count == model.count)
        }
    }
}
