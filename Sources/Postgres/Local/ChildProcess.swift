internal import CLinux
internal import Glibc
package import IO
import Telemetry

/// A process that we started. Its end is noticed through a pidfd, on a thread that lives as long as
/// we do.
package final class ChildProcess: Sendable {
    package enum Exit: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    private struct State {
        var exit: Exit?
        var nextWaiter = 0
        var waiters: [Int: Waiter<Exit?, Never>] = [:]
    }

    /// Forks every child: a signal at the parent's death follows the thread that forked.
    package static let thread = Result { () throws(IOError) in try IOLoop(name: "apus-children") }

    package let pid: Int32
    private let state = Lock(State())

    private init(pid: Int32) { self.pid = pid }

    /// - Throws: ``PostgresError`` `.localServer`.
    package static func start(_ command: Command) async throws -> ChildProcess {
        let loop: IOLoop
        do {
            loop = try thread.get()
        } catch {
            throw PostgresError(.localServer, "no thread for child processes: \(error)")
        }
        return try await withTaskExecutorPreference(loop) {
            let child = ChildProcess(pid: try command.spawn())
            try child.watch(on: loop)
            return child
        }
    }

    private func watch(on loop: IOLoop) throws {
        let descriptor = clinux_pidfd_open(pid)
        guard descriptor >= 0 else {
            kill(pid, SIGKILL)
            throw PostgresError(
                .localServer, "a child cannot be watched: \(describe(errno: -descriptor))")
        }
        let watch = ExitWatch(self, descriptor: descriptor)
        watch.registration = try loop.register(descriptor, .read, handler: watch)
    }

    /// Takes the child's status from the kernel; after this its number may be another's.
    fileprivate func reap() {
        let waiters = state.withLock { state -> [Waiter<Exit?, Never>] in
            var status: Int32 = 0
            guard unsafe state.exit == nil && waitpid(pid, &status, WNOHANG) == pid else {
                return []
            }
            let signal = status & 0x7F
            state.exit = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        let exit = exit
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    /// How it ended; nil while it runs.
    package var exit: Exit? { state.withLock { $0.exit } }

    /// Sends a signal, unless it has ended.
    package func signal(_ signal: Int32) {
        state.withLock { state in
            if state.exit == nil { _ = kill(pid, signal) }
        }
    }

    /// Waits for its end.
    ///
    /// - Returns: nil when the task is cancelled first.
    package func waitForExit() async -> Exit? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await suspendedUntilTold { waiter in
                let known = state.withLock { state -> Exit?? in
                    if let exit = state.exit { return .some(exit) }
                    if Task.isCancelled { return .some(nil) }
                    state.waiters[id] = waiter
                    return nil
                }
                if let known { waiter.resume(returning: known) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.resume(returning: nil)
        }
    }

    /// Waits for its end, whether the task is cancelled or not, but not longer than `limit`.
    package func waitForExit(within limit: Duration) async -> Exit? {
        guard let loop = try? Self.thread.get() else { return exit }
        return await suspendedUntilTold { waiter in
            let (id, known) = state.withLock { state -> (Int, Exit?) in
                state.nextWaiter += 1
                if state.exit == nil { state.waiters[state.nextWaiter] = waiter }
                return (state.nextWaiter, state.exit)
            }
            if let known {
                waiter.resume(returning: known)
                return
            }
            loop.execute {
                _ = loop.schedule(after: limit) {
                    let waiter = self.state.withLock { $0.waiters.removeValue(forKey: id) }
                    waiter?.resume(returning: nil)
                }
            }
        }
    }
}

/// Waits on the loop for one pidfd.
private final class ExitWatch: ReadinessHandler {
    private let child: ChildProcess
    private let descriptor: Int32
    var registration: Registration?

    init(_ child: ChildProcess, descriptor: Int32) {
        self.child = child
        self.descriptor = descriptor
    }

    func ready(_ readiness: Readiness) {
        registration?.cancel()
        registration = nil
        close(descriptor)
        child.reap()
    }
}
