import TestSupport

@testable import Events

/// Runs the tail, and what else runs for good, beside `body`, and time: whenever all sleep, it moves on
/// a little.
func withLive(
    _ tail: EventTail, _ clock: ManualClock,
    beside others: [@Sendable () async throws -> Void] = [],
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await body()
            return true
        }
        for part in others + [{ try await tail.run() }] {
            group.addTask {
                do { try await part() } catch is CancellationError {}
                return false
            }
        }
        group.addTask {
            while !Task.isCancelled {
                clock.advance(by: .milliseconds(10))
                await Task.yield()
            }
            return false
        }
        while let isBody = try await group.next(), !isBody {}
        group.cancelAll()
    }
}
