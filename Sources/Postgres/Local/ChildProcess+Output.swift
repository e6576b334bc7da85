internal import Glibc
import IO

extension ChildProcess {
    package struct Output: Sendable {
        package let exit: Exit
        /// Standard output and error, as they came; cut at the limit.
        package let text: String
    }

    /// Runs a command to its end.
    ///
    /// - Parameter maxBytes: Of output to keep; the rest is read and dropped.
    /// - Throws: ``PostgresError`` `.localServer`; `CancellationError`, and the child is killed.
    package static func run(
        _ command: Command, maxBytes: Int = 1 << 20
    ) async throws -> Output {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            throw PostgresError(.localServer, "no pipe: \(describe(errno: errno))")
        }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        var command = command
        command.output = writing
        let child: ChildProcess
        do {
            child = try await start(command)
        } catch {
            close(reading)
            close(writing)
            throw error
        }
        close(writing)
        let loop = try thread.get()
        let text = await withTaskCancellationHandler {
            await withTaskExecutorPreference(loop) {
                await suspendedUntilTold { waiter in
                    PipeReader(reading, maxBytes: maxBytes) { waiter.resume(returning: $0) }
                        .start(on: loop)
                }
            }
        } onCancel: {
            child.signal(SIGKILL)
        }
        guard let exit = await child.waitForExit() else {
            child.signal(SIGKILL)
            throw CancellationError()
        }
        return Output(exit: exit, text: text)
    }
}

/// Reads a pipe to its end, on the loop.
private final class PipeReader: ReadinessHandler {
    private let descriptor: Int32
    private let maxBytes: Int
    private let done: (String) -> Void
    private var bytes: [UInt8] = []
    private var registration: Registration?

    init(_ descriptor: Int32, maxBytes: Int, done: @escaping (String) -> Void) {
        self.descriptor = descriptor
        self.maxBytes = maxBytes
        self.done = done
    }

    func start(on loop: IOLoop) {
        do {
            registration = try loop.register(descriptor, .read, handler: self)
        } catch {
            finish()
        }
    }

    func ready(_ readiness: Readiness) {
        var chunk = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe read(descriptor, &chunk, chunk.count)
        if count > 0 {
            bytes.append(contentsOf: chunk[..<min(count, maxBytes - bytes.count)])
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            finish()
        }
    }

    private func finish() {
        registration?.cancel()
        registration = nil
        close(descriptor)
        done(String(decoding: bytes, as: UTF8.self))
    }
}
