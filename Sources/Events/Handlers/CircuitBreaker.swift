/// Keeps one handler on one node from running into what is broken: a circuit for the handler
/// itself, and one for each target that it names.
///
/// A circuit opens after so many transient failures in a row, or at once when the target refuses
/// us. While one is open nothing runs; then a single run may try. When that fails on the same
/// target the circuit opens for twice as long, when the target answers it is closed, and when it was
/// not asked the next run may try.
struct CircuitBreaker {
    struct Limits {
        /// Failures in a row.
        var threshold = 5
        var firstPause: Duration = .seconds(1)
        var longestPause: Duration = .seconds(60)
        /// Of one handler; failures on any more count as the handler's own.
        var targets = 64
    }

    /// How much may run.
    enum Allowance: Equatable {
        case all
        /// To find out.
        case one
        case none
    }

    /// What a run says of its circuits.
    enum Outcome: Equatable, Sendable {
        /// What the run needed is there.
        ///
        /// - Parameter by: What refused the event for a reason of the event's own; nil: the run
        ///   ended well.
        case answered(by: String?)
        /// - Parameter target: Nil: the handler itself.
        case failed(target: String?, isRefused: Bool)
        /// Nothing is known, or nothing was asked.
        case unknown
    }

    private struct Circuit {
        enum State: Equatable {
            case closed(failures: Int)
            case open(until: Duration)
            case probing
        }

        var state: State = .closed(failures: 0)
        /// How often it opened since it was last closed.
        var openings = 0
    }

    private let limits: Limits
    /// By target, "" for the handler itself; those that are closed and without failures are left
    /// out.
    private var circuits: [String: Circuit] = [:]

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Targets whose circuit is not closed; "" is the handler itself.
    ///
    /// - Parameter isAwaited: Something is to run. Else a circuit that a run may try does not count:
    ///   nobody is kept waiting.
    func broken(isAwaited: @autoclosure () -> Bool) -> [String] {
        circuits.filter { circuit in
            switch circuit.value.state {
            case .closed: false
            case .open: true
            case .probing: isAwaited()
            }
        }.keys.sorted()
    }

    var isClosed: Bool { broken(isAwaited: true).isEmpty }

    mutating func allowance(now: Duration) -> Allowance {
        var allowance = Allowance.all
        for (target, circuit) in circuits {
            switch circuit.state {
            case .closed: continue
            case .open(let until) where until > now: return .none
            case .open:
                circuits[target]?.state = .probing
                allowance = .one
            case .probing: allowance = .one
            }
        }
        return allowance
    }

    mutating func note(_ outcome: Outcome, now: Duration) {
        switch outcome {
        case .unknown: break
        case .answered(nil):
            for target in circuits.keys { close(target) }
        case .answered(let target?):
            // The handler itself came as far as that.
            close("")
            close(counted(target))
        case .failed(let target, let isRefused):
            fail(target ?? "", isRefused: isRefused, now: now)
        }
    }

    /// Whose circuit is that of a target.
    private func counted(_ target: String) -> String {
        circuits[target] != nil || circuits.count < limits.targets ? target : ""
    }

    /// Runs that began before a circuit opened say nothing of what is now.
    private mutating func close(_ target: String) {
        if case .open? = circuits[target]?.state { return }
        circuits[target] = nil
    }

    private mutating func fail(_ target: String, isRefused: Bool, now: Duration) {
        let target = counted(target)
        var circuit = circuits[target] ?? Circuit()
        switch circuit.state {
        case .open: return
        case .probing: open(&circuit, now: now)
        case .closed(let failures):
            if isRefused || failures + 1 >= limits.threshold {
                open(&circuit, now: now)
            } else {
                circuit.state = .closed(failures: failures + 1)
            }
        }
        circuits[target] = circuit
    }

    private func open(_ circuit: inout Circuit, now: Duration) {
        let pause = min(limits.longestPause, limits.firstPause * (1 << min(circuit.openings, 20)))
        circuit.openings += 1
        circuit.state = .open(until: now + pause)
    }
}
