internal import CLinux
internal import Glibc
import Synchronization
import Telemetry

/// One POSIX thread that knows whether it is the caller.
final class LoopThread: Sendable {
    /// Set by the thread itself, so that it is right before any code on it can ask; 0 when it does
    /// not run.
    private let identity = Atomic<UInt>(0)
    private let joinable = Lock<pthread_t?>(nil)

    var isCurrent: Bool { identity.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Runs the body on a new thread, which takes no signals but those of a crash: the main thread
    /// is the one to hear of the others.
    func start(_ body: @escaping @Sendable () -> Void) throws(IOError) {
        let start = Start { [self] in
            identity.store(UInt(pthread_self()), ordering: .relaxed)
            // Whoever reports crashes has given one to its own thread only.
            let signalStack = unsafe clinux_add_signal_stack()
            defer { unsafe clinux_remove_signal_stack(signalStack) }
            body()
            identity.store(0, ordering: .relaxed)
        }
        var blocked = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&blocked)
        for crash in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] {
            unsafe sigdelset(&blocked, crash)
        }
        unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        // The new thread takes the reference; where there is none, it is released here.
        let context = unsafe Unmanaged.passRetained(start)
        let result = unsafe pthread_create(&thread, nil, threadMain, context.toOpaque())
        guard result == 0 else {
            unsafe context.release()
            throw IOError(operation: "pthread_create", errno: result)
        }
        let started = thread
        joinable.withLock { $0 = started }
    }

    /// Waits for the thread's end; at once when another caller waited already.
    func join() {
        let thread = joinable.withLock { joinable in
            defer { joinable = nil }
            return joinable
        }
        if let thread { pthread_join(thread, nil) }
    }

    /// Nobody will wait for it.
    func detach() {
        let thread = joinable.withLock { joinable in
            defer { joinable = nil }
            return joinable
        }
        if let thread { pthread_detach(thread) }
    }
}

private final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body()
    return nil
}
