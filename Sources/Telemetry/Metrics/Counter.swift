import Synchronization

/// A number that only grows. Any thread.
public final class Counter: Sendable {
    private let total = Atomic<UInt64>(0)

    init() {}

    public func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter never falls")
        total.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    public var value: UInt64 { total.load(ordering: .relaxed) }
}
