import Dispatch
import Glibc
import Telemetry

/// SIGTERM and SIGINT: the first asks to stop in good order, a second ends the process at once,
/// whatever it is at; a private Postgres ends with it.
///
/// One that comes with the first counts with it: `timeout` and others signal a process and its
/// whole group.
final class StopSignals: Sendable {
    private static let samePress: Duration = .milliseconds(500)

    private struct State {
        var first: ContinuousClock.Instant?
        /// Tells whom the first signal is for: what starts, then what serves.
        var stop: (@Sendable () -> Void)?
    }

    private let state = Lock(State())

    /// Hears them as long as the process lives.
    init() {
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [state] in
                Self.pressed(state)
                withExtendedLifetime(source) {}
            }
            source.activate()
        }
    }

    /// Runs what the first signal cancels, until it has begun to wait for ``first()`` itself.
    ///
    /// - Returns: Nil when it was cancelled.
    func unlessPressed<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result? {
        let pressed = press()
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                for await _ in pressed {}
                return nil
            }
            if let result = try await group.next() ?? nil { return result }
            group.cancelAll()
            return try? await group.next() ?? nil
        }
    }

    /// Waits for the first signal.
    ///
    /// - Returns: When it came; now when the task is cancelled before.
    func first() async -> ContinuousClock.Instant {
        for await _ in press() {}
        return state.withLock { $0.first } ?? .now
    }

    /// Ends with the first signal, unless somebody else asks for it first.
    private func press() -> AsyncStream<Never> {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let wasPressed = state.withLock { state in
            state.stop = { continuation.finish() }
            return state.first != nil
        }
        if wasPressed { continuation.finish() }
        return stream
    }

    private static func pressed(_ state: Lock<State>) {
        let stop = state.withLock { state -> (@Sendable () -> Void)? in
            if let first = state.first {
                if .now > first + samePress { _exit(1) }
                return nil
            }
            state.first = .now
            return state.stop
        }
        stop?()
    }
}
