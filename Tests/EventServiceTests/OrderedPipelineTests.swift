import Telemetry
import Testing

@testable import EventService

@Suite struct OrderedPipelineTests {
    @Test func `results are delivered in the order of the elements`() async throws {
        let delivered = Lock([Int]())
        try await OrderedPipeline(width: 8).run(numbers(200)) {
            $0
        } work: { number in
            // The first of each eight waits longest.
            for _ in 0..<(8 - number % 8) { await Task.yield() }
            return number
        } deliver: { number in
            delivered.withLock { $0.append(number) }
        }
        #expect(delivered.withLock { $0 } == Array(0..<200))
    }

    @Test func `elements are prepared one at a time, in their order`() async throws {
        let prepared = Lock((order: [Int](), running: 0, most: 0))
        try await OrderedPipeline(width: 8).run(numbers(100)) { number in
            prepared.withLock { state in
                state.order.append(number)
                state.running += 1
                state.most = max(state.most, state.running)
            }
            await Task.yield()
            prepared.withLock { $0.running -= 1 }
            return number
        } work: {
            $0
        } deliver: { _ in
        }
        prepared.withLock { state in
            #expect(state.order == Array(0..<100))
            #expect(state.most == 1)
        }
    }

    @Test func `no more than the width are between being read and being delivered`() async throws {
        let held = Lock((now: 0, most: 0))
        try await OrderedPipeline(width: 4).run(numbers(100)) { number in
            held.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
            return number
        } work: { number in
            await Task.yield()
            return number
        } deliver: { _ in
            held.withLock { $0.now -= 1 }
        }
        held.withLock { #expect($0.most <= 4) }
    }

    @Test func `a failure ends everything`() async throws {
        struct Failure: Error {}
        await #expect(throws: Failure.self) {
            try await OrderedPipeline(width: 4).run(numbers(.max)) {
                $0
            } work: { number in
                if number == 10 { throw Failure() }
                return number
            } deliver: { _ in
            }
        }
    }

    @Test func `what was read before a failure is delivered`() async throws {
        struct Failure: Error {}
        let delivered = Lock([Int]())
        await #expect(throws: Failure.self) {
            try await OrderedPipeline(width: 8).run(numbers(.max)) { number in
                if number == 5 { throw Failure() }
                return number
            } work: { number in
                for _ in 0..<20 { await Task.yield() }
                return number
            } deliver: { number in
                delivered.withLock { $0.append(number) }
            }
        }
        #expect(delivered.withLock { $0 } == [0, 1, 2, 3, 4])
    }

    private func numbers(_ count: Int) -> Numbers {
        Numbers(end: count)
    }
}

/// 0, 1, 2 …, shared by its iterators as a stream of requests is.
private final class Numbers: AsyncSequence, Sendable {
    private let next = Lock(0)
    private let end: Int

    init(end: Int) {
        self.end = end
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let numbers: Numbers

        func next() async -> Int? { numbers.take() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(numbers: self) }

    private func take() -> Int? {
        next.withLock { next in
            guard next < end else { return nil }
            defer { next += 1 }
            return next
        }
    }
}
