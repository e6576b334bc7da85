import Synchronization

/// A number that rises and falls. Any thread.
public final class Gauge: Sendable {
    /// The bit pattern of a `Double`.
    private let bits = Atomic<UInt64>(0)

    init() {}

    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    public func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, found) = bits.weakCompareExchange(
                expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}
