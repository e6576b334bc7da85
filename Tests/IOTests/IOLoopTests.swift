import Glibc
import IO
import Synchronization
import Telemetry
import Testing

@Suite struct IOLoopTests {
    @Test func `actions run on the loop in the order they were given`() async throws {
        let loop = try IOLoop(name: "test")
        let seen = await withCheckedContinuation { continuation in
            let order = Order()
            for number in 0..<100 {
                loop.execute { order.add(number, onLoop: loop.isOnLoop) }
            }
            loop.execute { continuation.resume(returning: order.all) }
        }
        #expect(seen == Array(0..<100))
        #expect(!loop.isOnLoop)
        loop.stop()
    }

    @Test func `an actor on the loop runs there, and its awaits come back to it`() async throws {
        let loop = try IOLoop(name: "test")
        let home = Home(loop: loop)
        #expect(await home.isAtHomeAfterWork())
        loop.stop()
    }

    @Test func `a task that prefers the loop runs nonisolated code there`() async throws {
        let loop = try IOLoop(name: "test")
        let onLoop = await Task(executorPreference: loop) { await whereAmI(loop) }.value
        #expect(onLoop)
        loop.stop()
    }

    @Test func `the newest task runs ahead of what is queued, but never within other work`()
        async throws
    {
        let loop = try IOLoop(name: "test")
        let seen = await withCheckedContinuation { continuation in
            loop.execute {
                let order = Order()
                Task(executorPreference: loop) { order.add(2, onLoop: loop.isOnLoop) }
                loop.runNewestTask()
                order.add(1, onLoop: true)
                _ = loop.schedule(after: .zero) {
                    loop.execute { continuation.resume(returning: order.all) }
                    Task(executorPreference: loop) { order.add(3, onLoop: loop.isOnLoop) }
                    loop.runNewestTask()
                }
            }
        }
        #expect(seen == [1, 2, 3])
        loop.stop()
    }

    /// From there a crash is reported also when the thread's own stack is used up.
    @Test func `signal handlers on a loop have a stack of their own`() async throws {
        let loop = try IOLoop(name: "test")
        let bytes = await withCheckedContinuation { continuation in
            loop.execute {
                var stack = stack_t()
                let result = sigaltstack(nil, &stack)
                continuation.resume(returning: result == 0 ? stack.ss_size : 0)
            }
        }
        #expect(bytes >= 64 << 10)
        loop.stop()
    }

    @Test func `timers fire in order of their time and not when cancelled`() async throws {
        let loop = try IOLoop(name: "test")
        let seen = await withCheckedContinuation { continuation in
            loop.execute {
                let order = Order()
                // Far apart: the thread may have to wait in between.
                for number in [3, 1, 2] {
                    _ = loop.schedule(after: .milliseconds(50 * number)) {
                        order.add(number, onLoop: loop.isOnLoop)
                    }
                }
                loop.schedule(after: .milliseconds(50)) { order.add(9, onLoop: true) }.cancel()
                _ = loop.schedule(after: .milliseconds(200)) {
                    continuation.resume(returning: order.all)
                }
            }
        }
        #expect(seen == [1, 2, 3])
        loop.stop()
    }

    @Test func `readiness is told until it is dealt with, and never after cancel`() async throws {
        let loop = try IOLoop(name: "test")
        let count = try await onLoop(loop) { done in
            let pipe = try Pipe()
            pipe.write()
            try pipe.watch(on: loop, tellings: 3, done)
        }
        #expect(count == 3)
        loop.stop()
    }

    @Test func `the turn end comes after all the work of the turn`() async throws {
        let loop = try IOLoop(name: "test")
        let seen = await withCheckedContinuation { continuation in
            loop.execute {
                let order = Order()
                loop.atTurnEnd(
                    AtEnd {
                        order.add(9, onLoop: loop.isOnLoop)
                        continuation.resume(returning: order.all)
                    })
                loop.execute {
                    order.add(1, onLoop: true)
                    loop.execute { order.add(2, onLoop: true) }
                }
            }
        }
        #expect(seen == [1, 2, 9])
        loop.stop()
    }

    @Test func `stopping runs what was queued`() throws {
        let loop = try IOLoop(name: "test")
        let ran = Counter()
        for _ in 0..<1000 { loop.execute { ran.add() } }
        loop.stop()
        #expect(ran.value == 1000)
    }

    @Test func `work that comes after the stop is let go, and what it holds`() throws {
        let loop = try IOLoop(name: "test")
        loop.stop()
        weak var held: Order?
        do {
            let order = Order()
            held = order
            loop.execute { order.add(1, onLoop: true) }
        }
        #expect(held == nil)
    }

    /// Asks for one more turn end at each, as a connection does whose output is not taken.
    private final class Insistent: TurnEndHandler {
        private let loop: IOLoop

        init(_ loop: IOLoop) { self.loop = loop }

        func turnEnded() { loop.atTurnEnd(self) }
    }

    @Test func `a loop that ends lets go of who waits for the end of its turn`() async throws {
        weak var ended: IOLoop?
        do {
            let loop = try IOLoop(name: "test")
            ended = loop
            await withCheckedContinuation { asked in
                loop.execute {
                    loop.atTurnEnd(Insistent(loop))
                    asked.resume()
                }
            }
            loop.stop()
        }
        #expect(ended == nil)
    }

    @Test func `four threads may hand over work at once`() async throws {
        let loop = try IOLoop(name: "test")
        let ran = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<10_000 { loop.execute { ran.add() } } }
            }
        }
        loop.stop()
        #expect(ran.value == 40_000)
    }
}

private actor Home {
    nonisolated let loop: IOLoop
    init(loop: IOLoop) { self.loop = loop }
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func isAtHomeAfterWork() async -> Bool {
        let before = loop.isOnLoop
        await Task.yield()
        return before && loop.isOnLoop
    }
}

private nonisolated func whereAmI(_ loop: IOLoop) async -> Bool {
    await Task.yield()
    return loop.isOnLoop
}

private final class Order: Sendable {
    private let numbers = Lock<[Int]>([])
    var all: [Int] { numbers.withLock { $0 } }
    func add(_ number: Int, onLoop: Bool) {
        numbers.withLock { $0.append(onLoop ? number : -1) }
    }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

private final class AtEnd: TurnEndHandler {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
    func turnEnded() { body() }
}

/// Runs the body on the loop; it answers through the closure it is given.
private func onLoop<T: Sendable>(
    _ loop: IOLoop, _ body: @escaping @Sendable (@escaping @Sendable (T) -> Void) throws -> Void
) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        loop.execute {
            do {
                try body { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

private final class Pipe: ReadinessHandler {
    private var ends: [Int32] = [0, 0]
    private var registration: Registration?
    private var tellings = 0
    private var count = 0
    private var done: ((Int) -> Void)?

    init() throws { guard pipe(&ends) == 0 else { throw IOError(.other, operation: "pipe") } }
    deinit { for end in ends { close(end) } }

    func write() { _ = Glibc.write(ends[1], "x", 1) }

    func watch(on loop: IOLoop, tellings: Int, _ done: @escaping @Sendable (Int) -> Void) throws {
        self.tellings = tellings
        self.done = done
        registration = try loop.register(ends[0], .read, handler: self)
    }

    func ready(_ readiness: Readiness) {
        count += 1
        guard count == tellings else { return }
        registration?.cancel()
        registration = nil
        done?(count)
    }
}
