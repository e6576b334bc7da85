import Events
import Telemetry

/// Who is told of what the log learns.
final class LogObservers: Sendable {
    /// An observer reads the log, and so holds it; held by the log it would never go.
    private struct Weakly {
        weak var observer: (any LogObserver)?
    }

    private struct State {
        var observers: [Weakly] = []
        var store = StoreState.connecting
        /// The newest position that this node stored.
        var own = Position.zero
        var history = LogHistory()
    }

    private let state = Lock(State())
    /// Wakes the one who hints other nodes.
    private let onOwn: @Sendable () -> Void

    init(onOwn: @escaping @Sendable () -> Void) {
        self.onOwn = onOwn
    }

    func add(_ observer: any LogObserver) {
        state.withLock { $0.observers.append(Weakly(observer: observer)) }
    }

    func committed(_ events: [RecordedEvent]) {
        let observers = state.withLock { state in
            if let last = events.last {
                state.own = max(state.own, last.position)
                state.history.stored(through: last.position)
            }
            return state.observers.compactMap(\.observer)
        }
        for observer in observers { observer.committed(events) }
        onOwn()
    }

    func grew(to head: Position) {
        let observers = state.withLock { $0.observers.compactMap(\.observer) }
        for observer in observers { observer.grew(to: head) }
    }

    /// Where the log stands, asked of the store.
    func reached(_ bounds: LogBounds) {
        let observers = state.withLock { state in
            if state.history.learn(bounds) == .changed { state.own = min(state.own, bounds.head) }
            return state.observers.compactMap(\.observer)
        }
        for observer in observers { observer.reached(bounds) }
    }

    /// What this node followed until now.
    var history: LogHistory { state.withLock { $0.history } }

    func stateChanged(to store: StoreState) {
        state.withLock { $0.store = store }
    }

    var store: StoreState { state.withLock { $0.store } }
    var own: Position { state.withLock { $0.own } }
}
