/// A suspended task that somebody on the loop will resume, once.
struct Waiter<Value> {
    /// Tells a late cancellation from the next one who waits.
    let token: UInt64
    let continuation: UnsafeContinuation<Value, any Error>
}
