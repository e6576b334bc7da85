public import Glibc

/// A value behind a mutex, for a few lines without `await`.
///
/// It sits on a pthread mutex because the thread sanitizer sees through that one, while it reports
/// false races for `Synchronization.Mutex`.
///
/// `@unchecked Sendable`: the state is reached under the mutex alone, and enters and leaves only by
/// `sending`.
public final class Lock<State>: @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline var state: State

    public init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        let outcome = pthread_mutex_init(mutex, nil)
        precondition(outcome == 0, "pthread_mutex_init failed")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` while no other thread is in it. Not re-entrant.
    @inlinable
    @inline(__always)
    public func withLock<Result, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
