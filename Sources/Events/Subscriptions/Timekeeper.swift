/// A monotonic clock with one instant type, so that state machines need not be generic.
struct Timekeeper: Sendable {
    /// Time since this timekeeper was made.
    let now: @Sendable () -> Duration
    /// Sleeps until ``now`` reads so much. Throws `CancellationError`.
    let sleep: @Sendable (_ until: Duration) async throws -> Void

    init(_ clock: any Clock<Duration>) {
        self = Self.make(clock)
    }

    private init(
        now: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    private static func make(_ clock: some Clock<Duration>) -> Timekeeper {
        let origin = clock.now
        return Timekeeper(
            now: { origin.duration(to: clock.now) },
            sleep: { try await clock.sleep(until: origin.advanced(by: $0), tolerance: nil) })
    }

    func sleep(for duration: Duration) async throws {
        try await sleep(now() + duration)
    }
}
