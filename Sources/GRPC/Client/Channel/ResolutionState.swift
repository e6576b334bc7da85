import IO

/// When a target's names are looked up, as decisions: it does nothing itself.
///
/// The first time when the first call comes, again when connections fail, but not more often than
/// the interval; after a failure with a growing wait.
struct ResolutionState {
    enum Action: Equatable {
        case none
        case resolve
        /// Then say that you have ``waited()``.
        case wait(Duration)
    }

    private enum Work { case none, resolving, waiting }

    private let interval: Duration
    private var backOff: BackOff
    private var work = Work.none
    private var last: ContinuousClock.Instant?

    init(interval: Duration, backOff: BackOff) {
        self.interval = interval
        self.backOff = backOff
    }

    /// New addresses may be of help.
    mutating func wanted(at now: ContinuousClock.Instant) -> Action {
        guard work == .none else { return .none }
        if let last, now - last < interval {
            work = .waiting
            return .wait(interval - (now - last))
        }
        work = .resolving
        return .resolve
    }

    mutating func waited() -> Action {
        guard work == .waiting else { return .none }
        work = .resolving
        return .resolve
    }

    mutating func succeeded(at now: ContinuousClock.Instant) {
        guard work == .resolving else { return }
        work = .none
        last = now
        backOff.reset()
    }

    mutating func failed(spread: Double = Double.random(in: -1...1)) -> Action {
        guard work == .resolving else { return .none }
        work = .waiting
        return .wait(backOff.next(spread: spread))
    }

    /// What was begun is of no interest any more.
    mutating func forget() {
        work = .none
        last = nil
        backOff.reset()
    }
}
