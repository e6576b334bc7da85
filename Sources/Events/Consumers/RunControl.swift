import Telemetry

/// Ends one run from outside.
final class RunControl: Sendable {
    enum End: Sendable {
        /// It took as long as it may.
        case timeLimit
        /// Its event is another node's.
        case lost
        /// The node stops.
        case stopping
    }

    private let signal = Signal()
    private let state = Lock<End?>(nil)

    /// Why it was ended, if it was.
    var end: End? { state.withLock { $0 } }

    /// The first word counts.
    func end(_ end: End) {
        state.withLock { $0 = $0 ?? end }
        signal.raise()
    }

    /// Runs work, and cancels it when it is ended. Work that ignores that is still waited for:
    /// nothing of it may go on unseen.
    ///
    /// - Returns: Nil when it was ended.
    /// - Throws: What the work throws.
    func run<Result: Sendable>(
        _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result? {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                await self.signal.wait()
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}

/// Ends the runs of a handler whose time is up. One task sleeps for all of them.
final class RunLimits: Sendable {
    private struct State {
        var next = 0
        var running: [Int: (deadline: Duration, control: RunControl)] = [:]
    }

    private let limit: Duration
    private let time: Timekeeper
    private let begun = Signal()
    private let state = Lock(State())

    init(_ limit: Duration, _ time: Timekeeper) {
        self.limit = limit
        self.time = time
    }

    /// - Returns: To be told to ``remove(_:)`` when the run is over.
    func add(_ control: RunControl) -> Int {
        let (id, isFirst) = state.withLock { state in
            state.next += 1
            state.running[state.next] = (time.now() + limit, control)
            return (state.next, state.running.count == 1)
        }
        // The time of those that begin later is up later.
        if isFirst { begun.raise() }
        return id
    }

    func remove(_ id: Int) {
        state.withLock { $0.running[id] = nil }
    }

    /// Runs until the task is cancelled.
    func run() async throws {
        while true {
            try Task.checkCancellation()
            let now = time.now()
            let (due, next) = state.withLock { state in
                let due = state.running.filter { $0.value.deadline <= now }
                for id in due.keys { state.running[id] = nil }
                return (due.values.map(\.control), state.running.values.map(\.deadline).min())
            }
            for control in due { control.end(.timeLimit) }
            if let next { try await time.sleep(next) } else { await begun.wait() }
        }
    }
}
