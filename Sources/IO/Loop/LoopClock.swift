/// The continuous clock, on which one sleeps by a loop's timers: a task that runs on the loop is
/// woken without another thread, and others without the one that Swift keeps for every sleep.
///
/// Sleeps last up to a millisecond longer than asked. They must be over, or cancelled, before the
/// loop stops.
public struct LoopClock: Clock {
    public typealias Instant = ContinuousClock.Instant

    private let loop: IOLoop

    public init(_ loop: IOLoop) { self.loop = loop }

    public var now: Instant { .now }
    public var minimumResolution: Duration { .milliseconds(1) }

    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await Sleeper(on: loop).sleep(until: deadline)
    }
}

/// One sleep.
private actor Sleeper {
    private nonisolated let loop: IOLoop
    private var timer: IOTimer?
    private var sleeping: CheckedContinuation<Void, any Error>?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnownedSerialExecutor()
    }

    init(on loop: IOLoop) { self.loop = loop }

    func sleep(until deadline: ContinuousClock.Instant) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                    return
                }
                sleeping = continuation
                timer = loop.schedule(after: ContinuousClock.now.duration(to: deadline)) {
                    self.assumeIsolated { $0.end(.success(())) }
                }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.end(.failure(CancellationError())) } }
        }
    }

    private func end(_ result: Result<Void, any Error>) {
        timer.take()?.cancel()
        sleeping.take()?.resume(with: result)
    }
}
