/// The work took longer than it may.
struct TimeLimitExceeded: Error {}

/// Runs work and cancels it when the time is up.
///
/// Work that ignores its cancellation is still waited for: nothing of it may go on unseen.
///
/// - Throws: What the work throws, ``TimeLimitExceeded``, or `CancellationError`.
func withTimeLimit<Result: Sendable>(
    _ limit: Duration, _ time: Timekeeper, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await time.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            throw TimeLimitExceeded()
        }
        return result
    }
}
