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
    /// Of those, what paced streams have queued.
    private let paced = Atomic<Int>(0)
    /// What the budget knows.
    private let reported = Atomic<Int>(0)
    private let reportedPaced = Atomic<Int>(0)

    /// A connection's part in the budget is known so well.
    static let portion = 4 * 1_024

    public init(budget: ByteBudget = ByteBudget(limit: .max)) { self.budget = budget }

    public var openStreams: Int { streamCount.load(ordering: .relaxed) }
    public var receivedBytes: Int { received.load(ordering: .relaxed) }
    public var unsentBytes: Int { unsent.load(ordering: .relaxed) }
    public var pacedBytes: Int { paced.load(ordering: .relaxed) }

    /// Whether the connection may cause more to be held: it has no more than what is still free. One
    /// that holds little finds room however much a few others hold.
    public var hasRoom: Bool { budget.hasRoom(holding: receivedBytes + unsentBytes) }

    func setStreams(_ count: Int) {
        streamCount.store(count, ordering: .relaxed)
    }

    /// - Parameter bytes: Below zero when they are let go.
    public func addReceived(_ bytes: Int) {
        received.store(receivedBytes + bytes, ordering: .relaxed)
        report()
    }

    /// - Parameter isPaced: They are a paced stream's.
    func addUnsent(_ bytes: Int, isPaced: Bool = false) {
        unsent.store(unsentBytes + bytes, ordering: .relaxed)
        if isPaced { paced.store(pacedBytes + bytes, ordering: .relaxed) }
        report()
    }

    private func report() {
        let (held, paced) = (receivedBytes + unsentBytes, pacedBytes)
        let (last, lastPaced) = (
            reported.load(ordering: .relaxed), reportedPaced.load(ordering: .relaxed)
        )
        let (change, pacedChange) = (held - last, paced - lastPaced)
        // The last byte is reported at once: a connection that holds nothing owes nothing.
        guard
            change.magnitude >= Self.portion || pacedChange.magnitude >= Self.portion
                || held == 0 && change != 0
        else { return }
        reported.store(held, ordering: .relaxed)
        reportedPaced.store(paced, ordering: .relaxed)
        let little = min(held, ByteBudget.little) - min(last, ByteBudget.little)
        budget.add(change, paced: pacedChange, little: little)
    }
}
