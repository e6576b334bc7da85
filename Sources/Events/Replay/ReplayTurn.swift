import Telemetry

/// The time that a replay has on a node, from its beginning until it is to give way.
final class ReplayTurn: Sendable {
    private struct State {
        var isOver = false
        var isResting = false
        var next = 0
        var sleepers: [Int: Signal] = [:]
    }

    private let time: Timekeeper
    private let began: Duration
    private let state = Lock(State())

    init(_ time: Timekeeper) {
        self.time = time
        began = time.now()
    }

    /// Whether to end after the event under way.
    var isOver: Bool {
        state.withLock { state in
            state.isOver || state.isResting && time.now() - began >= ReplayTurns.length
        }
    }

    func end() {
        let sleepers = state.withLock { state in
            state.isOver = true
            return Array(state.sleepers.values)
        }
        for sleeper in sleepers { sleeper.raise() }
    }

    /// A target was left alone: the turn is over in time, so that the next looks at it again.
    func rest() {
        state.withLock { $0.isResting = true }
    }

    /// Returns at the turn's end already. Throws `CancellationError`.
    func sleep(for duration: Duration) async throws {
        let end = Signal()
        let sleeper = state.withLock { state -> Int? in
            guard !state.isOver else { return nil }
            state.next += 1
            state.sleepers[state.next] = end
            return state.next
        }
        guard let sleeper else { return }
        defer { state.withLock { $0.sleepers[sleeper] = nil } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.time.sleep(for: duration) }
            group.addTask { await end.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }
}
