import Telemetry

/// Where calls wait until a test lets them go on; whoever is cancelled goes on too.
final class Gate: Sendable {
    private struct State {
        var isOpen: Bool
        var entered = 0
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    private let state: Lock<State>

    init(isOpen: Bool = false) { state = Lock(State(isOpen: isOpen)) }

    /// How many came so far.
    var entered: Int { state.withLock { $0.entered } }

    func pass() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        state.withLock { state in
            state.entered += 1
            if state.isOpen { continuation.finish() } else { state.waiting.append(continuation) }
        }
        for await _ in stream {}
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.finish() }
    }

    func untilEntered(_ count: Int) async {
        while entered < count { await Task.yield() }
    }
}

/// What came, in order.
final class Recorder<Item: Sendable>: Sendable {
    private let items = Lock<[Item]>([])

    func add(_ item: Item) { items.withLock { $0.append(item) } }

    var all: [Item] { items.withLock { $0 } }
}
