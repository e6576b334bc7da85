internal import Synchronization

/// Bytes that a server may hold for its peers, over all connections.
///
/// A fifth is reserved for connections that hold little: what a crowd of others takes at one stroke
/// may overshoot what was free, by any amount, and those shouldn't pay for it.
///
/// What paced streams leave unread (``HTTP2Stream/isPaced``) is never refused, so a few clients can
/// have much of it held. It takes half of what is shared from the others, and no more.
public final class ByteBudget: Sendable {
    public let limit: Int
    private let used = Atomic<Int>(0)
    private let paced = Atomic<Int>(0)
    /// Of each connection what it holds, and no more than ``little``.
    private let usedByLittle = Atomic<Int>(0)

    public init(limit: Int) { self.limit = limit }

    /// What a connection that holds so much is reckoned to hold little.
    static let little = 64 * 1_024

    /// Whether a connection that holds so much may hold more.
    func hasRoom(holding bytes: Int) -> Bool {
        let used = usedBytes
        let shared = limit / 5 * 4
        let taken = used - max(0, paced.load(ordering: .relaxed) - shared / 2)
        if bytes <= shared - taken { return true }
        return bytes <= Self.little
            && (used < limit || usedByLittle.load(ordering: .relaxed) < limit / 5)
    }

    public var usedBytes: Int { used.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - paced: Of `bytes`, those of paced streams.
    ///   - little: Of `bytes`, those that kept their connection within ``little``.
    func add(_ bytes: Int, paced: Int, little: Int) {
        used.wrappingAdd(bytes, ordering: .relaxed)
        if paced != 0 { self.paced.wrappingAdd(paced, ordering: .relaxed) }
        if little != 0 { usedByLittle.wrappingAdd(little, ordering: .relaxed) }
    }
}
