internal import Synchronization

/// Bytes that a server may hold for its peers, over all connections.
///
/// A fifth is reserved for connections that hold little: what a crowd of others takes at one stroke
/// may overshoot what was free, and those shouldn't pay for it.
public final class ByteBudget: Sendable {
    public let limit: Int
    private let used = Atomic<Int>(0)

    public init(limit: Int) { self.limit = limit }

    /// What a connection that holds so much is reckoned to hold little.
    static let little = 64 * 1_024

    /// Whether a connection that holds so much may hold more.
    func hasRoom(holding bytes: Int) -> Bool {
        let used = usedBytes
        return bytes <= limit / 5 * 4 - used || bytes <= Self.little && used < limit
    }

    public var usedBytes: Int { used.load(ordering: .relaxed) }

    func add(_ bytes: Int) {
        used.wrappingAdd(bytes, ordering: .relaxed)
    }
}
