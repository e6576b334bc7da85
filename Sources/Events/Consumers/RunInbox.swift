import Telemetry

/// What a member's runs said, on its way to the engine, which comes for all of it at once.
final class RunInbox: Sendable {
    private struct State {
        var verdicts: [RunVerdict] = []
        var isClosed = false
    }

    /// Something lies here, or the engine has something for the member.
    let signal = Signal()
    private let state = Lock(State())

    /// - Returns: False when nobody comes for it any more.
    func add(_ verdict: RunVerdict) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.verdicts.append(verdict)
            return (true, state.verdicts.count == 1)
        }
        if isFirst { signal.raise() }
        return isTaken
    }

    func take() -> [RunVerdict] {
        state.withLock { state in
            defer { state.verdicts = [] }
            return state.verdicts
        }
    }

    /// - Returns: What nobody came for.
    func close() -> [RunVerdict] {
        state.withLock { $0.isClosed = true }
        return take()
    }
}
