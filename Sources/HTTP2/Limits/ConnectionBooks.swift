internal import Synchronization

/// What one connection holds in memory for its peer. Written on its loop's thread alone, read from
/// any: each number is stored, never exchanged, so that counting costs what a plain variable does.
///
/// What changes is reported to the server's ``ByteBudget`` in portions of ``portion`` bytes.
public final class ConnectionBooks: Sendable {
    public let budget: ByteBudget
    /// Open streams.
    private let streamCount = Atomic<Int>(0)
    /// Of requests: their header fields, what was received of them and not taken by a handler, and
    /// what handlers that run were given.
    private let received = Atomic<Int>(0)
    /// Of responses: queued for the peer's window or for its socket.
    private let unsent = Atomic<Int>(0)
    private let unreported = Atomic<Int>(0)

    /// A connection's part in the budget is known so well.
    static let portion = 4 * 1_024

    public init(budget: ByteBudget = ByteBudget(limit: .max)) { self.budget = budget }

    public var openStreams: Int { streamCount.load(ordering: .relaxed) }
    public var receivedBytes: Int { received.load(ordering: .relaxed) }
    public var unsentBytes: Int { unsent.load(ordering: .relaxed) }

    /// Whether the connection may cause more to be held: it has no more than what is still free. One
    /// that holds little finds room however much a few others hold.
    public var hasRoom: Bool { budget.hasRoom(holding: receivedBytes + unsentBytes) }

    func setStreams(_ count: Int) {
        streamCount.store(count, ordering: .relaxed)
    }

    /// - Parameter bytes: Below zero when they are let go.
    public func addReceived(_ bytes: Int) {
        received.store(receivedBytes + bytes, ordering: .relaxed)
        report(bytes)
    }

    func addUnsent(_ bytes: Int) {
        unsent.store(unsentBytes + bytes, ordering: .relaxed)
        report(bytes)
    }

    private func report(_ bytes: Int) {
        let total = unreported.load(ordering: .relaxed) + bytes
        // The last byte is reported at once: a connection that holds nothing owes nothing.
        if total.magnitude >= Self.portion || receivedBytes + unsentBytes == 0 {
            unreported.store(0, ordering: .relaxed)
            if total != 0 { budget.add(total) }
        } else {
            unreported.store(total, ordering: .relaxed)
        }
    }
}
