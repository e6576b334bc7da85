import HTTP2
import Synchronization

/// Decides for one connection whether a call may begin, and counts its handlers. Used on the
/// connection's loop alone.
///
/// A handler counts from its start to its return, whatever became of its call: a client that resets
/// its calls at once, and handlers that ignore their cancellation, are held back here.
final class CallGate: Sendable {
    let books: ConnectionBooks
    private let core: ServerCore
    /// Written by the loop alone, so it is stored and never exchanged.
    private let running = Atomic<Int>(0)

    init(_ core: ServerCore) {
        self.core = core
        books = ConnectionBooks(budget: core.budget)
    }

    func hit(_ limit: RuntimeLimit) { core.metrics.hit(limit) }

    /// - Returns: What the client hears when the call may not begin; nothing was spent on it then,
    ///   and it may be tried again.
    func refusalOfCall() -> RPCError? {
        if !books.hasRoom {
            return refusal(.memory, "the server holds as much as it may")
        }
        // Streams wait by themselves: for them no call is refused.
        if books.unsentBytes - books.pacedBytes > core.configuration.maxConnectionUnsentBytes {
            return refusal(.connectionOutput, "this connection has too much unread")
        }
        return nil
    }

    /// While a message arrives: whether the rest of it may.
    func refusalOfBytes() -> RPCError? {
        books.hasRoom ? nil : refusal(.memory, "the server holds as much as it may")
    }

    /// What one call may have queued, in bytes. Less and less when its connection has half of what it
    /// may have, and nothing beyond that: no more than one message on each of many streams then.
    var roomOfCall: Int {
        let most = core.configuration.maxConnectionUnsentBytes
        let room = core.configuration.maxUnsentBytes
        let left = most - books.unsentBytes
        if left >= most / 2 { return room }
        return max(0, Int(Double(room) * Double(left) / Double(most / 2)))
    }

    /// Whether a large response may be queued. Calls that were let in together may all have one.
    ///
    /// - Parameter streams: More follow. A slow subscriber isn't dropped for what others hold: such a
    ///   message is refused only when much waits on its own connection.
    func refusalOfResponse(streams: Bool) -> RPCError? {
        if streams && books.unsentBytes <= core.configuration.maxConnectionUnsentBytes {
            return nil
        }
        return refusalOfBytes()
    }

    /// - Parameter bytes: Of the request, which the handler keeps.
    /// - Returns: What the client hears when the handler may not start; nil when it is counted.
    func startHandler(holding bytes: Int) -> RPCError? {
        let count = running.load(ordering: .relaxed) + 1
        guard count <= core.configuration.maxHandlersPerConnection else {
            return refusal(.handlersPerConnection, "too many calls on this connection")
        }
        let all = core.handlersRunning.wrappingAdd(1, ordering: .relaxed).newValue
        guard all <= core.configuration.maxHandlers else {
            core.handlersRunning.wrappingSubtract(1, ordering: .relaxed)
            return refusal(.handlers, "the server has too many calls")
        }
        running.store(count, ordering: .relaxed)
        books.addReceived(bytes)
        return nil
    }

    /// The handler has returned; ``ServerCore/handlersRunning`` was told by whoever ran it.
    func handlerEnded(holding bytes: Int) {
        running.store(running.load(ordering: .relaxed) - 1, ordering: .relaxed)
        books.addReceived(-bytes)
    }

    private func refusal(_ limit: RuntimeLimit, _ message: String) -> RPCError {
        hit(limit)
        return core.refusal(.resourceExhausted, message, metadata: core.pushback)
    }
}
