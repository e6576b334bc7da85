import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct LeaseKeeperTests {
    private let clock = ManualClock()
    private let leases = ScriptedLeases()
    private let told = Lock<[String]>([])

    /// Works until `body` ends, which is told of each attempt by `next`.
    private func keeping(
        _ work: @escaping @Sendable (Lease) async throws -> Void,
        isDraining: Lock<Bool> = Lock(false), _ body: (() async -> Void) async throws -> Void
    ) async throws {
        let keeper = LeaseKeeper(
            store: leases, holder: "node", time: Timekeeper(clock), logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [told] in
                try await keeper.keepAt(
                    "work", unless: { isDraining.withLock { $0 } }, work,
                    idle: { told.withLock { $0.append("idle") } },
                    failed: { error in told.withLock { $0.append("\(error)") } })
            }
            try await body {
                let count = leases.attempts
                while leases.attempts == count {
                    await clock.waitForSleepers()
                    // The longest pause.
                    clock.advance(by: .seconds(5))
                    await Task.yield()
                }
            }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    @Test func `work that failed is still this node's, until another has the lease`() async throws {
        let work: @Sendable (Lease) async throws -> Void = { _ in throw SampleFailure() }
        try await keeping(work) { next in
            for _ in 0..<4 { await next() }
            let failure = "\(SampleFailure())"
            #expect(told.withLock { Set($0) } == [failure])
            leases.answer(.failure(SampleFailure()))
            for _ in 0..<2 { await next() }
            #expect(told.withLock { Set($0) } == [failure])
            leases.answer(.success(false))
            for _ in 0..<2 { await next() }
            #expect(told.withLock { $0.last } == "idle")
        }
    }

    @Test func `when the node drains the work is others'`() async throws {
        let isDraining = Lock(false)
        let work: @Sendable (Lease) async throws -> Void = { _ in
            isDraining.withLock { $0 = true }
        }
        try await keeping(work, isDraining: isDraining) { _ in
            while !isDraining.withLock({ $0 }) { await Task.yield() }
        }
        #expect(told.withLock { $0 } == ["idle"])
    }
}

/// Gives a lease as a test says.
private final class ScriptedLeases: LeaseStore {
    private let state = Lock((answer: Result<Bool, any Error>.success(true), attempts: 0))

    var attempts: Int { state.withLock { $0.attempts } }

    /// - Parameter answer: Whether the lease is free.
    func answer(_ answer: Result<Bool, any Error>) { state.withLock { $0.answer = answer } }

    func acquire(_ name: String, holder: String, for time: Duration) async throws -> Lease? {
        let answer = state.withLock { state in
            state.attempts += 1
            return state.answer
        }
        return try answer.get() ? Lease(name: name, holder: holder, fence: 1) : nil
    }

    func renew(_ lease: Lease, for time: Duration) async throws -> Bool { true }

    func release(_ lease: Lease) async throws {}
}
