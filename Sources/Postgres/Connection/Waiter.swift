/// A caller that is suspended. Whoever takes it out of its place resumes it, once.
@safe
struct Waiter<Value: Sendable, Failure: Error>: Sendable {
    private let continuation: UnsafeContinuation<Value, Failure>

    fileprivate init(_ continuation: UnsafeContinuation<Value, Failure>) {
        unsafe self.continuation = continuation
    }

    func resume(returning value: Value) { unsafe continuation.resume(returning: value) }
    func resume(throwing error: Failure) { unsafe continuation.resume(throwing: error) }

    func resume(with result: Result<Value, Failure>) {
        unsafe continuation.resume(with: result)
    }
}

extension Waiter where Value == Void {
    func resume() { resume(returning: ()) }
}

/// Suspends the caller until the waiter that `body` puts away is resumed.
///
/// The way from the caller into `body` may lead through the executor's queue: what was checked
/// before, cancellation too, must be checked in `body` again.
func suspended<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ body: (Waiter<Value, any Error>) -> Void
) async throws -> Value {
    try await unsafe withUnsafeThrowingContinuation { unsafe body(Waiter($0)) }
}

/// The same for a waiter that is never told of an error.
func suspendedUntilTold<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ body: (Waiter<Value, Never>) -> Void
) async -> Value {
    await unsafe withUnsafeContinuation { unsafe body(Waiter($0)) }
}
