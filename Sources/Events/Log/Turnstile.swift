import Telemetry

/// Lets through as many at a time as there is room for: bytes that calls may have read and not made
/// into answers yet, statements that may be under way. A crowd waits in line, where it holds no more
/// than its requests.
///
/// Each says beforehand what room it may need. Tenants take turns, so nobody waits for all that another
/// one wants. Whose turn it is is let in first, so that many small ones don't keep a large one out.
public final class Turnstile: Sendable {
    private struct Waiter {
        let room: Int
        let tenant: TenantID
        let continuation: UnsafeContinuation<Void, any Error>
    }

    private struct State {
        var free: Int
        var nextTicket: UInt64 = 0
        /// By ticket.
        var waiting: [UInt64: Waiter] = [:]
        /// Their tickets.
        var line = TurnLine<UInt64>()
    }

    private let state: Lock<State>
    private let room: Int

    public init(room: Int) {
        self.room = room
        state = Lock(State(free: room))
    }

    /// How many wait.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Runs the body once there is room for it.
    ///
    /// - Parameters:
    ///   - room: At most; more than there can ever be counts as all of it.
    ///   - tenant: In whose line it waits; nil: in the one of those who ask for several tenants.
    /// - Throws: `CancellationError`, what the body throws.
    public func passing<Result>(
        _ room: Int = 1, of tenant: TenantID?, _ body: () async throws -> Result
    ) async throws -> Result {
        let room = min(room, self.room)
        try await enter(room, tenant ?? TenantID(unchecked: ""))
        defer { leave(room) }
        return try await body()
    }

    private func enter(_ room: Int, _ tenant: TenantID) async throws {
        let ticket = state.withLock { state -> UInt64? in
            if state.waiting.isEmpty, state.free >= room {
                state.free -= room
                return nil
            }
            state.nextTicket += 1
            return state.nextTicket
        }
        guard let ticket else { return }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    // A cancellation that comes later finds the ticket.
                    if Task.isCancelled { return true }
                    state.waiting[ticket] = Waiter(
                        room: room, tenant: tenant, continuation: continuation)
                    state.line.append(ticket, of: tenant)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                // Somebody may have left in between.
                letIn()
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiting.removeValue(forKey: ticket)
                if let waiter { state.line.remove(of: waiter.tenant) { $0 == ticket } }
                return waiter
            }
            waiter?.continuation.resume(throwing: CancellationError())
            letIn()
        }
    }

    private func leave(_ room: Int) {
        state.withLock { $0.free += room }
        letIn()
    }

    private func letIn() {
        let welcome = state.withLock { state in
            var welcome: [Waiter] = []
            while state.free > 0, let ticket = state.line.popFirst() {
                guard let waiter = state.waiting[ticket] else { continue }
                guard waiter.room <= state.free else {
                    state.line.putBack(ticket, of: waiter.tenant)
                    break
                }
                state.free -= waiter.room
                state.waiting[ticket] = nil
                welcome.append(waiter)
            }
            return welcome
        }
        for waiter in welcome { waiter.continuation.resume() }
    }
}
