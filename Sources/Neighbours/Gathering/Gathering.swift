import Events
import Telemetry

/// Lets requests of concurrent tasks go together in one call: the task whose request is the first of
/// a batch makes the call and hands the others their answers. No task is needed besides theirs.
///
/// When the task that makes a call is cancelled, so is the call, and one of the others makes it again.
/// `Limits`' bounds hold for what waits; more than that is refused as a transient failure.
final class Gathering<Item: Sendable, Answer: Sendable>: Sendable {
    typealias Outcome = Result<Answer, any Error>
    /// One outcome for each item, in their order. Throws when it was cancelled, and only then.
    typealias Call = @Sendable ([Item]) async throws -> [Outcome]

    private typealias Ticket = GatheringState.Ticket
    private typealias Batch = GatheringState.Batch

    private enum Turn: Sendable {
        case call(Batch, [Item])
        case answer(Outcome)
    }

    private struct State {
        var decisions: GatheringState
        var nextTicket: Ticket = 0
        var items: [Ticket: Item] = [:]
        /// Those whose task waits.
        var waiters: [Ticket: CheckedContinuation<Turn, any Error>] = [:]

        func items(of batch: Batch) -> [Item] { batch.tickets.compactMap { items[$0] } }
    }

    private let neighbour: Neighbour
    private let gauge: Gauge
    private let state: Lock<State>

    init(_ neighbour: Neighbour, limits: GatheringState.Limits, metrics: MetricsRegistry) {
        self.neighbour = neighbour
        gauge = metrics.gauge(
            "apus_neighbour_waiting_requests",
            help: "Requests that wait for a call to go with, or for its answer.",
            labels: [MetricLabel(.component, neighbour.name)])
        state = Lock(State(decisions: GatheringState(limits)))
    }

    /// How many wait for their turn or their answer, those that call left out.
    var waiting: Int { Int(gauge.value) }
    /// Nobody waits or calls, and nothing is kept.
    var isIdle: Bool { state.withLock { $0.items.isEmpty && $0.decisions.isIdle } }

    /// - Returns: What `call` answered to the item, made by this task or by another one.
    func answer(
        to item: Item, group: String, lane: String?, bytes: Int, _ call: Call
    ) async throws -> Answer {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let request = GatheringState.Request(
            ticket: ticket, group: group, lane: lane, bytes: bytes)
        switch try await turn(of: request, item) {
        case .answer(let outcome): return try outcome.get()
        case .call(let batch, let items): return try await lead(batch, items, call)
        }
    }

    private func turn(of request: GatheringState.Request, _ item: Item) async throws -> Turn {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let turn = state.withLock { state -> Result<Turn, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    switch state.decisions.enter(request) {
                    case .lead(let batch):
                        state.items[request.ticket] = item
                        return .success(.call(batch, [item]))
                    case .wait:
                        state.items[request.ticket] = item
                        state.waiters[request.ticket] = waiter
                        gauge.set(Double(state.waiters.count))
                        return nil
                    case .full:
                        return .failure(
                            HandlerError.transient(
                                "\(neighbour.name): too many requests wait for it"))
                    }
                }
                if let turn { waiter.resume(with: turn) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Turn, any Error>? in
                guard let waiter = state.waiters.removeValue(forKey: request.ticket) else {
                    return nil
                }
                state.decisions.leave(request.ticket)
                state.items[request.ticket] = nil
                gauge.set(Double(state.waiters.count))
                return waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func lead(_ batch: Batch, _ items: [Item], _ call: Call) async throws -> Answer {
        let outcomes: [Outcome]
        do {
            outcomes = try await call(items)
        } catch {
            ended(batch, [])
            throw error
        }
        precondition(outcomes.count == items.count, "a call answers each of its items")
        ended(batch, outcomes)
        return try outcomes[0].get()
    }

    /// Hands out the answers, and the next call to whoever is its first.
    ///
    /// - Parameter outcomes: None: the call was given up, and is to be made again without its leader.
    private func ended(_ batch: Batch, _ outcomes: [Outcome]) {
        let turns = state.withLock { state in
            var turns: [(CheckedContinuation<Turn, any Error>, Turn)] = []
            var again: Set<Ticket> = []
            for (index, ticket) in batch.tickets.enumerated() {
                let isLost = outcomes.isEmpty && state.waiters[ticket] != nil
                if isLost {
                    again.insert(ticket)
                } else {
                    state.items[ticket] = nil
                    guard let waiter = state.waiters.removeValue(forKey: ticket) else { continue }
                    turns.append((waiter, .answer(outcomes[index])))
                }
            }
            if let next = state.decisions.ended(batch, again: again),
                let leader = state.waiters.removeValue(forKey: next.leader)
            {
                turns.append((leader, .call(next, state.items(of: next))))
            }
            gauge.set(Double(state.waiters.count))
            return turns
        }
        for (waiter, turn) in turns { waiter.resume(returning: turn) }
    }
}
