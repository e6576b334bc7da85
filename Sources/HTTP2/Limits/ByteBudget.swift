internal import Synchronization

/// Bytes that a server may hold for its peers, over all connections.
public final class ByteBudget: Sendable {
    public let limit: Int
    private let used = Atomic<Int>(0)

    public init(limit: Int) { self.limit = limit }

    /// Below zero when more is held than should be.
    public var free: Int { limit - used.load(ordering: .relaxed) }

    public var usedBytes: Int { used.load(ordering: .relaxed) }

    func add(_ bytes: Int) {
        used.wrappingAdd(bytes, ordering: .relaxed)
    }
}
