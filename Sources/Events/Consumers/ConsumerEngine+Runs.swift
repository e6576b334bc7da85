import Telemetry

/// A member that lives in this process, as its engine knows it.
struct LocalMember {
    /// Runs at one time.
    let concurrency: Int
    /// Events that are handed to it ahead of their runs, at most.
    let window: Int
    /// And as of now.
    var ahead: Int
    var ended = EndedRuns()
    /// Runs at one time as of now: fewer while a circuit is open.
    var allowed: Int
    var running: [AckToken: RunControl] = [:]
    /// It waits for the next batch to be taken.
    var awaitsRoom = false
    /// What its runs said.
    let inbox: RunInbox
    var breaker = CircuitBreaker()
    /// Whose circuits are open, as it was told last.
    var broken: [String] = []
    /// Told of each change of what is broken.
    let told: @Sendable ([String]) -> Void

    var free: Int { allowed - running.count }
}

/// How many runs of a member end between looks.
struct EndedRuns {
    /// The oldest first, and last those since the last look.
    private var counts = [0, 0, 0, 0]

    mutating func note() { counts[counts.count - 1] += 1 }

    /// The most of late, in the time between two looks: a pause of the whole process says nothing of
    /// how fast runs are.
    mutating func look() -> Int {
        defer {
            counts.removeFirst()
            counts.append(0)
        }
        return counts.max() ?? 0
    }
}

/// An event that a member of this process is to run.
struct HandedRun: Sendable {
    let event: RecordedEvent
    let attempt: Int
    let token: AckToken
    /// As ``HandlerFailure/revival``.
    let revival: Int64
    /// The store refused what it wanted changed.
    let isUnacceptable: Bool
    let control: RunControl
}

/// What a member of this process says of a run.
struct RunVerdict: Sendable {
    let token: AckToken
    let verdict: Verdict
    let changes: [ProjectionChange]
    let circuit: CircuitBreaker.Outcome

    init(
        _ run: HandedRun, _ verdict: Verdict, changes: [ProjectionChange] = [],
        circuit: CircuitBreaker.Outcome = .unknown
    ) {
        token = run.token
        self.verdict = verdict
        self.changes = changes
        self.circuit = circuit
    }
}

// Members that live in this process.
extension ConsumerEngine {
    /// - Parameters:
    ///   - concurrency: Runs at one time.
    ///   - window: Events that are handed out ahead of their runs, so that a batch of work is a
    ///     large one; those that were not begun count for nothing.
    ///   - inbox: Where its runs leave their verdicts.
    ///   - told: Which targets are out of reach, after each change.
    func joinHere(
        concurrency: Int, window: Int, inbox: RunInbox,
        told: @escaping @Sendable ([String]) -> Void
    ) throws -> Int {
        if let end { throw end }
        guard !machine.isDraining else { throw Self.draining }
        nextMember += 1
        machine.join(nextMember, maxInFlight: window)
        workers[nextMember] = LocalMember(
            concurrency: concurrency, window: window, ahead: window, allowed: concurrency,
            inbox: inbox, told: told)
        signals[nextMember] = inbox.signal
        emptySince = nil
        isSettled = false
        wakeUp()
        environment.lookAgain()
        return nextMember
    }

    /// Waits for something to run, and for room to run it; takes what is in the member's inbox.
    ///
    /// - Parameter most: So many, even if there is room for more.
    /// - Throws: ``EventsError``: `.unavailable` when the node drains; `CancellationError`.
    func nextRuns(_ member: Int, atMost most: Int = .max) async throws -> [HandedRun] {
        while true {
            try Task.checkCancellation()
            if let inbox = workers[member]?.inbox { heed(inbox.take(), of: member) }
            if let end { throw end }
            guard !machine.isDraining else { throw Self.draining }
            guard let signal = signals[member], let worker = workers[member] else {
                throw CancellationError()
            }
            if worker.free > 0, !machine.isPaused {
                let items = machine.pull(
                    member, limit: min(worker.free, most), maxBytes: .max,
                    places: worker.concurrency, now: time.now(),
                    wall: Timestamp(environment.wallClock.now()))
                if !items.isEmpty { return items.compactMap { handed($0, to: member) } }
            }
            await signal.wait()
        }
    }

    private func handed(_ item: WorkItem, to member: Int) -> HandedRun? {
        guard let event = item.event else { return nil }
        let run = HandedRun(
            event: event, attempt: item.attempt, token: token(of: item), revival: item.revival,
            isUnacceptable: suspects.contains(item.position), control: RunControl())
        workers[member]?.running[run.token] = run.control
        return run
    }

    /// Takes what a member says; it is stored with the next batch. What is said of a run whose
    /// partition was lost meanwhile is worth nothing, also when this node has it again: the run is
    /// in the books as lost.
    func settle(_ verdicts: [RunVerdict], of member: Int) {
        heed(verdicts, of: member)
        signals[member]?.raise()
    }

    /// One batch makes no more changes than this, but for those of a single event: it has to be stored
    /// in the time that a statement has.
    static let maxChanges = 20_000

    /// As ``settle(_:of:)``, once the next batch has room for what they change.
    ///
    /// - Throws: `CancellationError`.
    func settleInTurn(_ verdicts: [RunVerdict], of member: Int) async throws {
        let count = verdicts.reduce(0) { $0 + $1.changes.count }
        while end == nil, machine.changeCount > 0, machine.changeCount + count > Self.maxChanges {
            try Task.checkCancellation()
            guard let signal = signals[member] else { throw CancellationError() }
            workers[member]?.awaitsRoom = true
            await signal.wait()
        }
        settle(verdicts, of: member)
    }

    /// A batch was taken, or what was to go into it is another node's affair.
    func tellOfRoom() {
        for (member, worker) in workers where worker.awaitsRoom {
            workers[member]?.awaitsRoom = false
            signals[member]?.raise()
        }
    }

    private func heed(_ verdicts: [RunVerdict], of member: Int) {
        guard !verdicts.isEmpty else { return }
        let now = time.now()
        for verdict in verdicts {
            workers[member]?.running[verdict.token] = nil
            workers[member]?.ended.note()
            workers[member]?.breaker.note(verdict.circuit, now: now)
            let partition = machine.partitions[verdict.token.partition]
            guard partition?.fence == verdict.token.fence else { continue }
            suspects.remove(verdict.token.position)
            _ = machine.settle(
                verdict.token, verdict.verdict, changes: verdict.changes, isDurable: false,
                now: now)
        }
        heedCircuits(of: member, now: now)
        wakeUp()
    }

    /// Lets as many run as the member's circuits allow; what was handed out beyond that goes back.
    private func heedCircuits(of member: Int, now: Duration) {
        guard let worker = workers[member] else { return }
        let allowance = workers[member]?.breaker.allowance(now: now) ?? .all
        let allowed =
            switch allowance {
            case .all: worker.concurrency
            case .one: 1
            case .none: 0
            }
        let broken = workers[member]?.breaker.broken(isAwaited: hasWork) ?? []
        if broken != worker.broken {
            workers[member]?.broken = broken
            worker.told(broken)
            environment.lookAgain()
        }
        guard allowed != worker.allowed else { return }
        workers[member]?.allowed = allowed
        machine.limit(member, to: allowance == .all ? worker.ahead : allowed)
        signals[member]?.raise()
        environment.lookAgain()
        wakeUp()
    }

    /// Circuits that were open for long enough let a run through, and count no more once nothing is
    /// left to run.
    func heedCircuits(now: Duration) {
        for (member, worker) in workers where !worker.breaker.isClosed {
            heedCircuits(of: member, now: now)
        }
    }

    /// Something is to run, now or later.
    private var hasWork: Bool { machine.items.values.contains { $0.state != .held } }

    /// A circuit is open.
    var isBroken: Bool { workers.values.contains { !$0.broken.isEmpty } }

    /// Nothing is handed out.
    var isPaused: Bool { machine.isPaused }

    /// Ends runs whose event is another's by now: their results would be refused.
    func abandonRuns() {
        for worker in workers.values {
            for (token, control) in worker.running
            where machine.partitions[token.partition]?.fence != token.fence {
                control.end(.lost)
            }
        }
    }

    /// Ends all runs: the node stops, and they must be told in time to be released.
    func stopRuns() {
        for worker in workers.values {
            for control in worker.running.values { control.end(.stopping) }
        }
    }
}
