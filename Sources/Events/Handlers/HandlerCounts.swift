import Synchronization

/// What this node's handlers did since it started.
public final class HandlerCounts: Sendable {
    private let processedTotal = Atomic<UInt64>(0)
    private let failedTotal = Atomic<UInt64>(0)

    init() {}

    /// Runs that succeeded or were declined.
    public var processed: UInt64 { processedTotal.load(ordering: .relaxed) }
    /// Runs that failed.
    public var failed: UInt64 { failedTotal.load(ordering: .relaxed) }

    func add(_ runs: [HandlerRun]) {
        let failures = runs.count { $0.outcome.isFailure }
        failedTotal.wrappingAdd(UInt64(failures), ordering: .relaxed)
        processedTotal.wrappingAdd(UInt64(runs.count - failures), ordering: .relaxed)
    }
}
