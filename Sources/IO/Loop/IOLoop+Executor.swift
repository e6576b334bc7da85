extension IOLoop {
    /// A job of an actor on this loop.
    public func enqueue(_ job: consuming ExecutorJob) {
        add(.actorJob(UnownedJob(job)))
    }

    /// A job of a task that prefers this loop, in no actor's name.
    ///
    /// Both kinds of job are told apart, which one method for both protocols couldn't: a job runs
    /// with the executor that it was given to, and only so the runtime sees that a nonisolated
    /// function called from a nonisolated task needs no hop. (Each one cost a turn of the queue.)
    @_implements(TaskExecutor,enqueue(_:))
    public func enqueueTaskJob(_ job: consuming ExecutorJob) {
        add(.taskJob(UnownedJob(job)))
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    public func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        unsafe UnownedTaskExecutor(ordinary: self)
    }

    public func isSameExclusiveExecutionContext(other: IOLoop) -> Bool { other === self }

    /// Readiness handlers and C callbacks run outside any task; this is how `assumeIsolated` knows
    /// that they are at home.
    public func checkIsolated() {
        precondition(isOnLoop, "Not on the loop")
    }

    public func isIsolatingCurrentContext() -> Bool? { isOnLoop }
}
