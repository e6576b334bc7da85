/// An object of one loop in the hands of code that may run anywhere: it can be passed on freely,
/// and opened on its loop alone.
///
/// `@unchecked Sendable`: every access checks the thread, as the loop itself does for its own state.
/// An actor pinned to the loop gives the same safety, but opening one from a task that is there
/// already costs two allocations and a question to the runtime, several times a call.
public struct LoopBound<Value: AnyObject>: @unchecked Sendable {
    public let loop: IOLoop
    @usableFromInline let object: Value

    /// On the loop only.
    public init(_ object: Value, on loop: IOLoop) {
        precondition(loop.isOnLoop)
        self.loop = loop
        self.object = object
    }

    /// On the loop only.
    @inlinable
    public var value: Value {
        precondition(loop.isOnLoop, "Opened off its loop")
        return object
    }
}
