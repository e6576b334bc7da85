import Telemetry

@testable import Events

/// An audit trail in memory, over a log that ends where the test says.
final class SampleTrail: AuditTrail {
    struct State {
        var position: UInt64 = 0
        var logHead: UInt64 = 0
        var missing: UInt64?
        var publishedAt: UInt64 = 0
        var publishedBefore: Duration = .zero
        var failure: (any Error)?
    }

    private let state: Lock<State>
    /// Told of each look that found all audited, or nothing to go on with.
    let looks: AsyncStream<Void>
    private let look: AsyncStream<Void>.Continuation
    private let duringPage: @Sendable () -> Void

    init(_ state: State, duringPage: @escaping @Sendable () -> Void = {}) {
        self.state = Lock(state)
        self.duringPage = duringPage
        (looks, look) = AsyncStream.makeStream()
    }

    var current: State { state.withLock { $0 } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func claim(fence: Int64) async throws -> AuditClaim {
        let state = current
        return AuditClaim(head: head(state), publishedBefore: state.publishedBefore)
    }

    func extend(fence: Int64, limit: Int) async throws -> AuditStep {
        if let failure = current.failure { throw failure }
        duringPage()
        let step = state.withLock { state in
            let end = min(state.logHead, (state.missing ?? .max) - 1)
            state.position = min(end, state.position + UInt64(limit))
            return AuditStep(
                head: head(state), logHead: Position(state.logHead),
                isMissing: state.position + 1 == state.missing)
        }
        if step.isMissing || step.head.position == step.logHead { look.yield() }
        return step
    }

    func hasNews(fence: Int64) async throws -> Bool {
        let state = current
        return state.position > state.publishedAt
    }

    func published(at position: Position, fence: Int64) async throws {
        change { $0.publishedAt = position.rawValue }
    }

    private func head(_ state: State) -> AuditHead {
        AuditHead(
            position: Position(state.position), rows: state.position,
            hash: [UInt8](repeating: UInt8(truncatingIfNeeded: state.position), count: 32))
    }
}
