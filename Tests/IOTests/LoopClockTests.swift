import IO
import Testing

@Suite struct LoopClockTests {
    @Test func `a sleep lasts as long as asked, and leads back to the loop`() async throws {
        try await withLoop { loop in
            let clock = LoopClock(loop)
            let (begun, ended, onLoop) = try await Task(executorPreference: loop) {
                let begun = clock.now
                try await clock.sleep(for: .milliseconds(2))
                return (begun, clock.now, loop.isOnLoop)
            }.value
            #expect(begun.duration(to: ended) >= .milliseconds(2))
            #expect(onLoop)
        }
    }

    @Test func `a moment that has passed is not waited for`() async throws {
        try await withLoop { loop in
            let clock = LoopClock(loop)
            try await clock.sleep(for: .seconds(-1))
        }
    }

    @Test func `a sleep ends when its task is cancelled, before it or within`() async throws {
        try await withLoop { loop in
            let clock = LoopClock(loop)
            for round in 0..<20 {
                let sleeper = Task { try await clock.sleep(for: .seconds(3_600)) }
                if round.isMultiple(of: 2) { await Task.yield() }
                sleeper.cancel()
                await #expect(throws: CancellationError.self) { try await sleeper.value }
            }
        }
    }
}
