/// Keeps one handler on one node from running into what is broken: a circuit for the handler
/// itself, and one for each target that it names.
///
/// A circuit opens after so many transient failures in a row, or at once when the target refuses
/// us. While one is open nothing runs; then a single run may try. When that fails on the same
/// target the circuit opens for twice as long, otherwise it is closed.
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
        /// What the run needed is there: it ended well, or failed for a reason of its own.
        case answered
        /// - Parameter target: Nil: the handler itself.
        case failed(target: String?, isRefused: Bool)
        /// Nothing is known.
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
    var broken: [String] {
        circuits.filter { if case .closed = $0.value.state { false } else { true } }.keys.sorted()
    }

    /// When the allowance changes by itself.
    var nextChange: Duration? {
        circuits.values.compactMap { circuit in
            if case .open(let until) = circuit.state { until } else { nil }
        }.min()
    }

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
        case .answered:
            // Runs that began before a circuit opened say nothing of what is now.
            circuits = circuits.filter { if case .open = $0.value.state { true } else { false } }
        case .failed(let target, let isRefused):
            fail(target ?? "", isRefused: isRefused, now: now)
        }
    }

    private mutating func fail(_ target: String, isRefused: Bool, now: Duration) {
        let hasRoom = circuits[target] != nil || circuits.count < limits.targets
        let target = hasRoom ? target : ""
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
