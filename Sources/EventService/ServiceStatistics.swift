import Events
import Synchronization

/// What this node did since it started, for Health.
public final class ServiceStatistics: Sendable {
    private let stored = Atomic<UInt64>(0)

    public init() {}

    /// Events that this node stored; duplicates and refused ones don't count.
    public var eventsPublished: UInt64 { stored.load(ordering: .relaxed) }

    func published(_ outcomes: [PublishOutcome]) {
        let count = outcomes.count { if case .stored = $0.outcome { true } else { false } }
        stored.wrappingAdd(UInt64(count), ordering: .relaxed)
    }
}
