import Telemetry
import Testing

@testable import IO

@Suite struct ResolverTests {
    private func addresses(
        of hosts: [(name: String, port: Int)], timeout: Duration = .seconds(60)
    ) async throws -> [SocketAddress] {
        let loop = try IOLoop(name: "test")
        defer { loop.stop() }
        return try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                Resolver.addresses(of: hosts, on: loop, timeout: timeout) { answer in
                    #expect(loop.isOnLoop)
                    continuation.resume(with: answer)
                }
            }
        }
    }

    @Test func `all addresses of all hosts are found, and unknown hosts are left out`() async throws
    {
        let found = try await addresses(of: [
            ("127.0.0.1", 1), ("nowhere.invalid", 2), ("127.0.0.2", 3),
        ])
        #expect(found == [.ipv4([127, 0, 0, 1], port: 1), .ipv4([127, 0, 0, 2], port: 3)])
    }

    @Test func `hosts that nobody knows are a bad address`() async throws {
        let error = await #expect(throws: IOError.self) {
            try await addresses(of: [("nowhere.invalid", 1), ("neither.invalid", 1)])
        }
        #expect(error?.code == .badAddress)
    }

    @Test func `an answer that comes too late is dropped`() {
        let answers = Lock<[Resolver.Answer]>([])
        let lookUp = LookUp([("127.0.0.1", 1)]) { answer in
            answers.withLock { $0.append(answer) }
        }
        let late = Resolver.Answer.failure(IOError(.timedOut, operation: "look up"))
        lookUp.finish(late)
        lookUp.run()
        #expect(answers.withLock { $0 } == [late])
    }

    @Test func `threads are few, take all that waits, in order, and end`() {
        var queue = ThreadQueue<Int>(mostThreads: 2)
        let begun = (0..<5).map { queue.add($0) }
        #expect(begun == [true, true, false, false, false])
        var done: [Int] = []
        while let job = queue.next() { done.append(job) }
        #expect(done == [0, 1, 2, 3, 4])
        #expect(queue.threads == 1)
        let last = queue.next()
        #expect(last == nil && queue.threads == 0)
        let again = queue.add(5)
        #expect(again)
        queue.threadFailed()
        #expect(queue.threads == 0)
    }
}
