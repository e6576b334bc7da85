import Telemetry

/// Whether this node takes calls, and who waits to hear that it stopped to.
public final class Serving: Sendable {
    private struct State {
        var isServing = true
        var nextWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    public init() {}

    public var isServing: Bool { state.withLock { $0.isServing } }

    /// Before clients are sent away: balancers that watch health hear of it first.
    public func stop() {
        let waiters = state.withLock { state in
            state.isServing = false
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when the node stopped serving, or the task is cancelled.
    func untilStopped() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.isServing, !Task.isCancelled else { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
