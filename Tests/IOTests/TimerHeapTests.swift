import Testing

@testable import IO

@Suite struct TimerHeapTests {
    @Test func `timers come out by their time, whatever is removed in between`() throws {
        let loop = try IOLoop(name: "unused")
        for _ in 0..<50 {
            var heap = TimerHeap()
            var timers = (0..<200).map { _ in
                IOTimer(due: UInt64.random(in: 0..<100), loop: loop) {}
            }
            for timer in timers { heap.insert(timer) }
            timers.shuffle()
            for timer in timers.prefix(120) {
                heap.remove(timer)
                heap.remove(timer)
            }
            var out: [UInt64] = []
            while let timer = heap.popDue(at: .max) { out.append(timer.due) }
            #expect(out == timers.dropFirst(120).map(\.due).sorted())
            #expect(heap.isEmpty)
        }
        loop.stop()
    }

    @Test func `nothing is due before its time`() throws {
        let loop = try IOLoop(name: "unused")
        var heap = TimerHeap()
        heap.insert(IOTimer(due: 10, loop: loop) {})
        #expect(heap.popDue(at: 9) == nil)
        #expect(heap.next == 10)
        #expect(heap.popDue(at: 10) != nil)
        loop.stop()
    }

    /// Cancels a timer when nobody holds it any more.
    private final class Canceller {
        var timer: IOTimer?

        deinit { timer?.cancel() }
    }

    @Test func `what a timer holds may cancel another when the loop ends`() async throws {
        let loop = try IOLoop(name: "ends")
        await withCheckedContinuation { made in
            loop.execute {
                for _ in 0..<3 {
                    let canceller = Canceller()
                    _ = loop.schedule(after: .seconds(3_600)) { withExtendedLifetime(canceller) {} }
                    canceller.timer = loop.schedule(after: .seconds(3_600)) {}
                }
                made.resume()
            }
        }
        loop.stop()
    }
}
