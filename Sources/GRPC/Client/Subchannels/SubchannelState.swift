/// The way to one address, or to the first of several that answers, as decisions: it does nothing
/// itself.
///
/// ```
/// idle ──wanted──▶ trying ──settled──▶ connected ──lost──▶ idle
///   ▲                 │ every address failed                │ again within a second
///   └──── waited ─────┴──────────▶ waiting ◀────────────────┘
/// ```
///
/// A failure is remembered until a connection is made: calls that do not wait for ready fail with it
/// meanwhile, instead of hanging on each new attempt (as gRPC's own balancers do).
struct SubchannelState {
    enum Action: Equatable {
        case none
        /// Try this one of the addresses.
        case connect(to: Int)
        /// Then say that you have ``waited()``.
        case wait(Duration)
        /// The attempt that got through is the connection; drop the others.
        case use
    }

    /// What calls can expect.
    enum Connectivity: Equatable {
        case idle, connecting, ready
        case failing(RPCError)
        case shutDown
    }

    /// What the server says of itself (gRFC A17).
    enum Health: Equatable {
        case serving
        case unknown
        case notServing(String)
    }

    private enum Work: Equatable {
        case none
        /// `next` is the address that was not tried yet; `open` attempts have no result.
        case trying(next: Int, open: Int)
        case connected(since: ContinuousClock.Instant)
        case waiting
        case shutDown
    }

    private let addressCount: Int
    private let checksHealth: Bool
    private var backOff: BackOff
    private var work = Work.none
    private var health = Health.serving
    private var failure: RPCError?
    /// Connections in a row that did not last.
    private var flaps = 0

    /// A connection that lasts shorter is no success: without this a server that accepts and closes
    /// would be connected to in a tight loop.
    static let stableAfter = Duration.seconds(1)

    init(addressCount: Int, checksHealth: Bool, backOff: BackOff) {
        self.addressCount = addressCount
        self.checksHealth = checksHealth
        self.backOff = backOff
    }

    var connectivity: Connectivity {
        switch work {
        case .shutDown: return .shutDown
        case .connected:
            switch health {
            case .serving: return .ready
            case .unknown: return .connecting
            case .notServing(let reason): return .failing(RPCError(.unavailable, reason))
            }
        case .none, .trying, .waiting:
            if let failure { return .failing(failure) }
            return work == .none ? .idle : .connecting
        }
    }

    /// A connection is asked for.
    mutating func wanted() -> Action {
        guard work == .none else { return .none }
        work = .trying(next: 1, open: 1)
        return .connect(to: 0)
    }

    /// The newest attempt has had no result for a while: another address may be faster.
    mutating func delayed() -> Action {
        guard case .trying(let next, let open) = work, next < addressCount else { return .none }
        work = .trying(next: next + 1, open: open + 1)
        return .connect(to: next)
    }

    mutating func attemptFailed(
        _ error: RPCError, spread: Double = Double.random(in: -1...1)
    ) -> Action {
        guard case .trying(let next, let open) = work else { return .none }
        if next < addressCount {
            work = .trying(next: next + 1, open: open)
            return .connect(to: next)
        }
        guard open == 1 else {
            work = .trying(next: next, open: open - 1)
            return .none
        }
        failure = error
        work = .waiting
        return .wait(backOff.next(spread: spread))
    }

    mutating func settled(at now: ContinuousClock.Instant) -> Action {
        guard case .trying = work else { return .none }
        work = .connected(since: now)
        health = checksHealth ? .unknown : .serving
        failure = nil
        return .use
    }

    mutating func told(_ health: Health) {
        guard case .connected = work else { return }
        self.health = health
    }

    /// The connection takes no more calls: it is closed, or its server goes away.
    mutating func lost(
        at now: ContinuousClock.Instant, spread: Double = Double.random(in: -1...1)
    ) -> Action {
        guard case .connected(let since) = work else { return .none }
        work = .none
        if now - since >= Self.stableAfter {
            flaps = 0
            backOff.reset()
            return .none
        }
        flaps += 1
        // The first time it may be a server that was about to restart.
        guard flaps > 1 else { return .none }
        work = .waiting
        return .wait(backOff.next(spread: spread))
    }

    /// The wait is over.
    mutating func waited() -> Action {
        guard work == .waiting else { return .none }
        work = .none
        return wanted()
    }

    mutating func shutDown() {
        work = .shutDown
    }
}
